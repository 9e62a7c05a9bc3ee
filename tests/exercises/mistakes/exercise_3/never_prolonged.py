def use_session(client, session_id, idle):
    return read_session(client, session_id)
