@contextmanager
def held(client, name, seconds):
    lock = _Lock(client, name)
    token = lock.take(seconds)
    if token is None:
        raise LockTakenError(name)
    until = time.monotonic() + seconds
    try:
        yield token
    finally:
        lock.free(token)
    if time.monotonic() > until:
        raise LeaseLostError(name)
