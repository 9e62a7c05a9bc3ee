@contextmanager
def held(client, name, seconds):
    lock = _Lock(client, name)
    token = lock.take(seconds)
    if token is None:
        raise LockTakenError(name)
    try:
        yield token
    except Exception:
        lock.free(token)
        raise
    if not lock.free(token):
        raise LeaseLostError(name)
