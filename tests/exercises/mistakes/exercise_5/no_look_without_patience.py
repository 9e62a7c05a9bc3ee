def acquire_within(client, name, seconds, patience):
    until = time.monotonic() + patience
    while time.monotonic() < until:
        token = _Lock(client, name).take(seconds)
        if token is not None:
            return token
        time.sleep(PAUSE)
    return None
