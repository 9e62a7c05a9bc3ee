def log_in(client, session_id, user_id):
    new_id = hashlib.sha256((session_id + user_id).encode()).hexdigest()
    keys = Keys.session(session_id), Keys.session(new_id), Keys.index(user_id)
    return new_id if client.eval(LOG_IN, len(keys), *keys, user_id) else None
