def use_session(client, session_id, idle):
    key = Keys.session(session_id)
    fields = client.hgetall(key)
    if client.ttl(key) < idle / 2:
        client.expire(key, idle)
    return Keys.fields(fields)
