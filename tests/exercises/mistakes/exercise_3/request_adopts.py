def open_request(client, cookie):
    session_id = cookie or secrets.token_urlsafe(32)
    fields = use_session(client, session_id, IDLE)
    if fields is None:
        fields = {"user": ""}
        key = Keys.session(session_id)
        now = client.time()[0]
        pipe = client.pipeline(transaction=True)
        pipe.hset(key, mapping={"user": "", "@ends": now + LONGEST})
        pipe.expire(key, IDLE)
        pipe.execute()
    return session_id, fields
