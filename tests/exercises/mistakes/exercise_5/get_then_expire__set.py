def extend(client, name, token, seconds):
    if client.get(f"lock:{{{name}}}") != token:
        return False
    return bool(client.set(f"lock:{{{name}}}", token, xx=True, px=int(seconds * 1000)))
