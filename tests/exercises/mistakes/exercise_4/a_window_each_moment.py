def allow_login(client, address):
    whole, part = client.time()
    key = f"login:{address}:{(whole + part / 1_000_000) / 60}"
    pipe = client.pipeline(transaction=True)
    pipe.incr(key)
    pipe.expire(key, 60)
    return pipe.execute()[0] <= 10
