def acquire_fenced(client, name, seconds):
    token, lock = secrets.token_hex(16), f"lock:{{{name}}}"
    fence = client.eval(FENCED, 2, lock, f"fence:{name}", token, int(seconds * 1000))
    return (token, fence) if fence else None
