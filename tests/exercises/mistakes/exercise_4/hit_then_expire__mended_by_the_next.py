def allow_fixed(client, key, limit, seconds):
    pipe = client.pipeline(transaction=True)
    pipe.incr(key)
    pipe.ttl(key)
    count, left = pipe.execute()
    if left < 0:
        client.expire(key, seconds)
    return count <= limit
