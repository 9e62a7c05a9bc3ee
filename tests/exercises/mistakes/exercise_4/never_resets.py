def allow_fixed(client, key, limit, seconds):
    return client.incr(key) <= limit
