def acquire_within(client, name, seconds, patience):
    lock = _Lock(client, name)
    until = time.time() + patience
    while (token := lock.take(seconds)) is None:
        left = until - time.time()
        if left <= 0:
            return None
        time.sleep(min(PAUSE, left))
    return token
