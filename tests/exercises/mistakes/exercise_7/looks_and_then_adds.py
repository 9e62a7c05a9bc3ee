def add_once(client, key, amount, request, *, remember):
    mark = f"{{{key}}}:request:{request}"
    told, number = client.mget(mark, key)
    if told is not None:
        return int(told)
    number = int(number or 0) + amount
    pipe = client.pipeline(transaction=True)
    pipe.incrby(key, amount)
    pipe.set(mark, number, ex=remember)
    return pipe.execute()[0]
