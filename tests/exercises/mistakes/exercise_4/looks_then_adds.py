def allow_export(client, user_id):
    whole, part = client.time()
    now, key = whole + part / 1_000_000, f"exports:{user_id}"
    client.zremrangebyscore(key, 0, now - 600)
    if client.zcard(key) >= 5:
        return False
    pipe = client.pipeline(transaction=True)
    pipe.zadd(key, {uuid.uuid4().hex: now})
    pipe.expire(key, 600)
    pipe.execute()
    return True
