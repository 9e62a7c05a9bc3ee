def acquire_fenced(client, name, seconds):
    token = _Lock(client, name).take(seconds)
    if token is None:
        return None
    key = f"lock:{{{name}}}:fence"
    fence = int(client.get(key) or 0) + 1
    client.set(key, fence)
    return token, fence
