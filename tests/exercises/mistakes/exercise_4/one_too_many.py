def allow_fixed(client, key, limit, seconds):
    pipe = client.pipeline(transaction=True)
    pipe.set(key, 0, ex=seconds, nx=True)
    pipe.incr(key)
    return pipe.execute()[1] - 1 <= limit
