def log_in(client, session_id, user_id):
    old, new_id = Keys.session(session_id), secrets.token_urlsafe(32)
    key, index = Keys.session(new_id), Keys.index(user_id)
    fields = client.hgetall(old)
    if not fields:
        return None
    pipe = client.pipeline(transaction=True)
    pipe.hset(key, mapping={**fields, "user": user_id})
    pipe.expire(key, max(client.ttl(old), 1))
    pipe.sadd(index, key)
    pipe.expireat(index, int(fields["@ends"]), nx=True)
    pipe.expireat(index, int(fields["@ends"]), gt=True)
    pipe.unlink(old)
    pipe.execute()
    return new_id
