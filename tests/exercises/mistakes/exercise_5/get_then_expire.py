def extend(client, name, token, seconds):
    if client.get(f"lock:{{{name}}}") != token:
        return False
    return bool(client.pexpire(f"lock:{{{name}}}", int(seconds * 1000)))
