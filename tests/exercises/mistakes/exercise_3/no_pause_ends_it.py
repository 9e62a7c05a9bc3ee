def open_request(client, cookie):
    if cookie is not None:
        fields = use_session(client, cookie, IDLE)
        if fields is not None:
            return cookie, fields
    session_id = create_session(client, "", {}, idle=LONGEST, longest=LONGEST)
    return session_id, {"user": ""}
