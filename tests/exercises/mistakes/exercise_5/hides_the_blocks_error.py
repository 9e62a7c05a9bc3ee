@contextmanager
def held(client, name, seconds):
    lock = _Lock(client, name)
    token = lock.take(seconds)
    if token is None:
        raise LockTakenError(name)
    try:
        yield token
    finally:
        if not lock.free(token):
            raise LeaseLostError(name)
