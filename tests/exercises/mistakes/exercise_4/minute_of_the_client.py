import time


def allow_login(client, address):
    key = f"login:{address}:{int(time.time()) // 60}"
    pipe = client.pipeline(transaction=True)
    pipe.incr(key)
    pipe.expire(key, 60)
    return pipe.execute()[0] <= 10
