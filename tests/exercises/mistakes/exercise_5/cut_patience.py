def acquire_within(client, name, seconds, patience):
    lock = _Lock(client, name)
    until = time.monotonic() + int(patience)
    while (token := lock.take(seconds)) is None:
        left = until - time.monotonic()
        if left <= 0:
            return None
        time.sleep(min(PAUSE, left))
    return token
