def read_session(client, session_id):
    found = client.hgetall(Keys.session(session_id))
    return {name: text for name, text in found.items() if name[:1] != "@"}
