@contextmanager
def held(client, name, seconds):
    lock = _Lock(client, name)
    token = lock.take(seconds)
    if token is None:
        raise LockTakenError(name)
    yield token
    if not lock.free(token):
        raise LeaseLostError(name)
