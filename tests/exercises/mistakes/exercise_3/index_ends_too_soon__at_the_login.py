def log_in(client, session_id, user_id):
    new_id = secrets.token_urlsafe(32)
    keys = Keys.session(session_id), Keys.session(new_id), Keys.index(user_id)
    script = LOG_IN.replace("redis.call('EXPIREAT', KEYS[3], ends, 'GT')", "")
    return new_id if client.eval(script, len(keys), *keys, user_id) else None
