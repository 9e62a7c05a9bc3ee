def log_in(client, session_id, user_id):
    new_id = secrets.token_urlsafe(32)
    keys = Keys.session(session_id), Keys.session(new_id), Keys.index(user_id)
    script = LOG_IN.replace("redis.call('HSET', KEYS[2], 'user', ARGV[1])", "")
    if not client.eval(script, len(keys), *keys):
        return None
    client.hset(keys[1], "user", user_id)
    return new_id
