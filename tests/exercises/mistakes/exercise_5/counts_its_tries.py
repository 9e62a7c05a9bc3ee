def acquire_within(client, name, seconds, patience):
    for _ in range(int(patience / PAUSE) + 1):
        token = _Lock(client, name).take(seconds)
        if token is not None:
            return token
        time.sleep(PAUSE)
    return None
