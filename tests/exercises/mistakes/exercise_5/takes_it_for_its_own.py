@contextmanager
def held(client, name, seconds):
    lock = _Lock(client, name)
    try:
        token = lock.take(seconds)
        if token is None:
            raise LockTakenError(name)
        yield token
    except LockTakenError:
        raise
    except BaseException:
        lock.free(token)
        raise
    if not lock.free(token):
        raise LeaseLostError(name)
