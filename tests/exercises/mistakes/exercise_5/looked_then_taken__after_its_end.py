def acquire(client, name, seconds):
    token, key, milliseconds = secrets.token_hex(16), f"lock:{{{name}}}", int(seconds * 1000)
    if client.set(key, token, nx=True, px=milliseconds):
        return token
    if client.pttl(key) >= 0:
        return None
    client.set(key, token, px=milliseconds)
    return token
