def acquire_within(client, name, seconds, patience):
    lock = _Lock(client, name)
    token = lock.take(seconds)
    until = time.monotonic() + patience
    while token is None and time.monotonic() < until:
        time.sleep(min(PAUSE, until - time.monotonic()))
        token = lock.take(seconds)
    return token
