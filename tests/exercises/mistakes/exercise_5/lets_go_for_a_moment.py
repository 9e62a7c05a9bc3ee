def extend(client, name, token, seconds):
    if not _Lock(client, name).free(token):
        return False
    return bool(client.set(f"lock:{{{name}}}", token, nx=True, px=int(seconds * 1000)))
