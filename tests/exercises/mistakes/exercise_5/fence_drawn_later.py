def acquire_fenced(client, name, seconds):
    token = _Lock(client, name).take(seconds)
    return None if token is None else (token, client.incr(f"lock:{{{name}}}:fence"))
