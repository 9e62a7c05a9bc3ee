def log_in(client, session_id, user_id):
    new_id = secrets.token_urlsafe(32)
    keys = Keys.session(session_id), Keys.session(new_id), Keys.index(user_id)
    if client.eval(LOG_IN, len(keys), *keys, user_id):
        return new_id
    return create_session(client, user_id, {}, idle=IDLE, longest=LONGEST)
