def log_in(client, session_id, user_id):
    new_id = secrets.token_urlsafe(32)
    keys = Keys.session(session_id), Keys.session(new_id), Keys.index(user_id)
    with client.pipeline() as pipe:
        pipe.watch(keys[0])
        ends = pipe.hget(keys[0], "@ends")
        if ends is None:
            return None
        pipe.multi()
        pipe.rename(keys[0], keys[1])
        pipe.hset(keys[1], "user", user_id)
        pipe.sadd(keys[2], keys[1])
        pipe.expireat(keys[2], int(ends), nx=True)
        pipe.expireat(keys[2], int(ends), gt=True)
        try:
            pipe.execute()
        except WatchError:
            return None
    return new_id
