def acquire_within(client, name, seconds, patience):
    lock = _Lock(client, name)
    until = time.monotonic() + patience
    while True:
        token = lock.take(seconds)
        left = until - time.monotonic()
        if left <= 0 and patience > 0:
            return None
        if token is not None or patience == 0:
            return token
        time.sleep(min(PAUSE, left))
