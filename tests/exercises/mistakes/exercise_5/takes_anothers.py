def extend(client, name, token, seconds):
    return bool(client.set(f"lock:{{{name}}}", token, xx=True, px=int(seconds * 1000)))
