def allow_export(client, user_id):
    whole, part = client.time()
    now, key = whole + part / 1_000_000, f"exports:{user_id}"
    pipe = client.pipeline(transaction=True)
    pipe.zremrangebyscore(key, 0, now - 600)
    pipe.zadd(key, {uuid.uuid4().hex: now})
    pipe.zcard(key)
    pipe.expire(key, 600)
    return pipe.execute()[2] <= 5
