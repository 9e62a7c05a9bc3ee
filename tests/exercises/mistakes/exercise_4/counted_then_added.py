def allow_log(client, key, limit, seconds):
    whole, part = client.time()
    now = whole + part / 1_000_000
    client.zremrangebyscore(key, 0, now - seconds)
    if client.zcard(key) >= limit:
        return False
    pipe = client.pipeline(transaction=True)
    pipe.zadd(key, {uuid.uuid4().hex: now})
    pipe.expire(key, seconds)
    pipe.execute()
    return True
