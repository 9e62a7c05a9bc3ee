def acquire(client, name, seconds):
    return "1" if client.set(f"lock:{{{name}}}", "1", nx=True, px=int(seconds * 1000)) else None
