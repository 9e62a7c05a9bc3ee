def acquire(client, name, seconds):
    token = secrets.token_hex(2)
    return token if client.set(f"lock:{{{name}}}", token, nx=True, px=int(seconds * 1000)) else None
