def extend(client, name, token, seconds):
    return bool(client.pexpire(f"lock:{{{name}}}", int(seconds * 1000)))
