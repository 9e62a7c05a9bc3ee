import json


def open_request(client, cookie):
    stored = client.get(Keys.session(cookie)) if cookie is not None else None
    if stored is not None:
        return cookie, dict(json.loads(stored))
    session_id = secrets.token_urlsafe(32)
    client.set(Keys.session(session_id), json.dumps({"user": ""}), ex=IDLE)
    return session_id, {"user": ""}


def close_request(client, session_id, before, after):
    if after != before and client.exists(Keys.session(session_id)):
        client.set(Keys.session(session_id), json.dumps(after), ex=IDLE)


def end_session(client, session_id):
    client.delete(Keys.session(session_id))
