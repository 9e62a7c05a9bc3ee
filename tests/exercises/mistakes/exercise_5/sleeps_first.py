def acquire_within(client, name, seconds, patience):
    until = time.monotonic() + patience
    while time.monotonic() < until:
        time.sleep(PAUSE)
        token = _Lock(client, name).take(seconds)
        if token is not None:
            return token
    return None
