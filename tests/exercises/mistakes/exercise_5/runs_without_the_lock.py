@contextmanager
def held(client, name, seconds):
    lock = _Lock(client, name)
    token = lock.take(seconds)
    was_mine = True
    try:
        yield token
    finally:
        if token is not None:
            was_mine = lock.free(token)
    if not was_mine:
        raise LeaseLostError(name)
