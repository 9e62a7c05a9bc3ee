def allow_fixed(client, key, limit, seconds):
    count = client.incr(key)
    if count == 1:
        client.expire(key, seconds)
    return count <= limit
