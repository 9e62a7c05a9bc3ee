def list_sessions(client, user_id):
    index = Keys.index(user_id)
    keys = list(client.smembers(index))
    pipe = client.pipeline(transaction=False)
    for key in keys:
        pipe.hgetall(key)
    found = dict(zip(keys, map(Keys.fields, pipe.execute()), strict=True))
    there = [key for key, fields in found.items() if fields is not None]
    if len(there) < len(keys):
        left = client.ttl(index)
        pipe = client.pipeline(transaction=True)
        pipe.unlink(index)
        if there:
            pipe.sadd(index, *there)
            pipe.expire(index, max(left, 1))
        pipe.execute()
    return [fields for fields in found.values() if fields is not None]
