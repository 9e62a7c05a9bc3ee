def allow_fixed(client, key, limit, seconds):
    name = f"{key}:{client.time()[0] // seconds}"
    pipe = client.pipeline(transaction=True)
    pipe.incr(name)
    pipe.expire(name, seconds)
    return pipe.execute()[0] <= limit
