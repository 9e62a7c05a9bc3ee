def allow_login(client, address):
    pipe = client.pipeline(transaction=True)
    pipe.incr(f"login:{address}")
    pipe.expire(f"login:{address}", 60)
    return pipe.execute()[0] <= 10
