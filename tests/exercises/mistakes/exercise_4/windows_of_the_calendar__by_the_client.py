import time


def allow_fixed(client, key, limit, seconds):
    name = f"{key}:{int(time.time() // seconds)}"
    pipe = client.pipeline(transaction=True)
    pipe.incr(name)
    pipe.expire(name, seconds)
    return pipe.execute()[0] <= limit
