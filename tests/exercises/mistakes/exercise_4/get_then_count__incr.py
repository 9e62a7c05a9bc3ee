def allow_fixed(client, key, limit, seconds):
    if int(client.get(key) or 0) >= limit:
        return False
    pipe = client.pipeline(transaction=True)
    pipe.set(key, 0, ex=seconds, nx=True)
    pipe.incr(key)
    pipe.execute()
    return True
