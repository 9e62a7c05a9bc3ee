def allow_log(client, key, limit, seconds):
    whole, part = client.time()
    now, member = whole + part / 1_000_000, uuid.uuid4().hex
    pipe = client.pipeline(transaction=True)
    pipe.zremrangebyscore(key, 0, now - seconds)
    pipe.zadd(key, {member: now})
    pipe.zcard(key)
    pipe.expire(key, seconds)
    if pipe.execute()[2] > limit:
        client.zrem(key, member)
        return False
    return True
