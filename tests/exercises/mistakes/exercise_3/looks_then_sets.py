def set_field(client, session_id, field, value):
    key = Keys.session(session_id)
    if not client.exists(key):
        return False
    client.hset(key, field, value)
    return True
