def acquire(client, name, seconds):
    token = secrets.token_hex(16)
    return token if client.set(f"lock:{{{name}}}", token, nx=True, ex=int(seconds)) else None
