def close_request(client, session_id, before, after):
    if after != before:
        words = [word for pair in after.items() for word in pair]
        client.eval(CHANGE, 1, Keys.session(session_id), *words)
