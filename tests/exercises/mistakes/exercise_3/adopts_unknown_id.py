def read_session(client, session_id):
    key = Keys.session(session_id)
    if not client.exists(key):
        pipe = client.pipeline(transaction=True)
        pipe.hset(key, mapping={"user": "", "@ends": client.time()[0] + LONGEST})
        pipe.expire(key, IDLE)
        pipe.execute()
    return Keys.fields(client.hgetall(key))
