def close_request(client, session_id, before, after):
    changed = {name: text for name, text in after.items() if before.get(name) != text}
    if changed:
        client.hset(Keys.session(session_id), mapping=changed)
