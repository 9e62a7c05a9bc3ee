def acquire(client, name, seconds):
    token = secrets.token_hex(16)
    if not client.setnx(f"lock:{{{name}}}", token):
        return None
    client.pexpire(f"lock:{{{name}}}", int(seconds * 1000))
    return token
