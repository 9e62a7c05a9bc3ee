def allow_fixed(client, key, limit, seconds):
    pipe = client.pipeline(transaction=True)
    pipe.incr(key)
    pipe.expire(key, seconds)
    return pipe.execute()[0] <= limit
