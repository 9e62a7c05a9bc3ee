def add_once(client, key, amount, request, *, remember):
    mark = f"{{{key}}}:request:{request}"
    told = client.get(mark)
    if told is not None:
        return int(told)
    number = client.incrby(key, amount)
    client.set(mark, number, ex=remember)
    return number
