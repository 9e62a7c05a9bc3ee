def allow_login(client, address):
    key = f"login:{address}:{client.time()[0] // 60}"
    pipe = client.pipeline(transaction=True)
    pipe.incr(key)
    pipe.expire(key, 30)
    return pipe.execute()[0] <= 10
