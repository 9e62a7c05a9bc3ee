def acquire_fenced(client, name, seconds):
    fence = client.incr(f"lock:{{{name}}}:fence")
    token = _Lock(client, name).take(seconds)
    return None if token is None else (token, fence)
