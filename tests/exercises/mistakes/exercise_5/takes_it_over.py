def acquire(client, name, seconds):
    token = secrets.token_hex(16)
    client.set(f"lock:{{{name}}}", token, px=int(seconds * 1000))
    return token
