def acquire(client, name, seconds):
    token = str(time.time())
    return token if client.set(f"lock:{{{name}}}", token, nx=True, px=int(seconds * 1000)) else None
