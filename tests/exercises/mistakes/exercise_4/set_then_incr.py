def allow_fixed(client, key, limit, seconds):
    client.set(key, 0, ex=seconds, nx=True)
    return client.incr(key) <= limit
