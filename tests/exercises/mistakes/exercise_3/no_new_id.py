def log_in(client, session_id, user_id):
    if not set_field(client, session_id, "user", user_id):
        return None
    key, index = Keys.session(session_id), Keys.index(user_id)
    ends = client.hget(key, "@ends")
    if ends:
        pipe = client.pipeline(transaction=True)
        pipe.sadd(index, key)
        pipe.expireat(index, int(ends))
        pipe.execute()
    return session_id
