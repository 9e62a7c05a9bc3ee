def open_request(client, cookie):
    if cookie is not None:
        fields = read_session(client, cookie)
        if fields is not None:
            if client.ttl(Keys.session(cookie)) < IDLE / 2:
                client.expire(Keys.session(cookie), IDLE)
            return cookie, fields
    session_id = create_session(client, "", {}, idle=IDLE, longest=LONGEST)
    return session_id, {"user": ""}
