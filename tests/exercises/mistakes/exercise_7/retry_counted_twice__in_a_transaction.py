def add_once(client, key, amount, request, *, remember):
    pipe = client.pipeline(transaction=True)
    pipe.set(f"{{{key}}}:request:{request}", amount, nx=True, ex=remember)
    pipe.incrby(key, amount)
    return pipe.execute()[1]
