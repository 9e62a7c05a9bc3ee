def set_field(client, session_id, field, value):
    key = Keys.session(session_id)
    fields = client.hgetall(key)
    if not fields:
        return False
    left = max(client.ttl(key), 1)
    pipe = client.pipeline(transaction=True)
    pipe.delete(key)
    pipe.hset(key, mapping={**fields, field: value})
    pipe.expire(key, left)
    pipe.execute()
    return True
