def set_field(client, session_id, field, value):
    key = Keys.session(session_id)
    with client.pipeline() as pipe:
        pipe.watch(key)
        if not pipe.exists(key):
            return False
        pipe.multi()
        pipe.hset(key, field, value)
        try:
            pipe.execute()
        except WatchError:
            return False
    return True
