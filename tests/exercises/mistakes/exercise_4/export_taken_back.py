def allow_export(client, user_id):
    whole, part = client.time()
    now, key, member = whole + part / 1_000_000, f"exports:{user_id}", uuid.uuid4().hex
    pipe = client.pipeline(transaction=True)
    pipe.zremrangebyscore(key, 0, now - 600)
    pipe.zadd(key, {member: now})
    pipe.zcard(key)
    pipe.expire(key, 600)
    if pipe.execute()[2] > 5:
        client.zrem(key, member)
        return False
    return True
