def set_field(client, session_id, field, value):
    client.hset(Keys.session(session_id), field, value)
    return True
