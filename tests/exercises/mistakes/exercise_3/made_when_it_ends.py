def open_request(client, cookie):
    if cookie is not None:
        fields = use_session(client, cookie, IDLE)
        if fields is not None:
            return cookie, fields
    return secrets.token_urlsafe(32), {"user": ""}


def close_request(client, session_id, before, after):
    key = Keys.session(session_id)
    changed = {name: text for name, text in after.items() if before.get(name) != text}
    if before == {"user": ""} and not client.exists(key):
        pipe = client.pipeline(transaction=True)
        pipe.hset(key, mapping={**after, "@ends": client.time()[0] + LONGEST})
        pipe.expire(key, IDLE)
        pipe.execute()
    elif changed:
        words = [word for pair in changed.items() for word in pair]
        client.eval(CHANGE, 1, key, *words)
