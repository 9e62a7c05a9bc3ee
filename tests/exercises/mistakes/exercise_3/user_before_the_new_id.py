def log_in(client, session_id, user_id):
    new_id = secrets.token_urlsafe(32)
    if not set_field(client, session_id, "user", user_id):
        return None
    keys = Keys.session(session_id), Keys.session(new_id), Keys.index(user_id)
    return new_id if client.eval(LOG_IN, len(keys), *keys, user_id) else None
