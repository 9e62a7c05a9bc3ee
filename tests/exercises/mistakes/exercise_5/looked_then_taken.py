def acquire(client, name, seconds):
    token = secrets.token_hex(16)
    if client.exists(f"lock:{{{name}}}"):
        return None
    client.set(f"lock:{{{name}}}", token, px=int(seconds * 1000))
    return token
