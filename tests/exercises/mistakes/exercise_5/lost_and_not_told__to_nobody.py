@contextmanager
def held(client, name, seconds):
    lock = _Lock(client, name)
    token = lock.take(seconds)
    if token is None:
        raise LockTakenError(name)
    was_mine = True
    try:
        yield token
    finally:
        was_mine = lock.free(token)
    if not was_mine and client.exists(f"lock:{{{name}}}"):
        raise LeaseLostError(name)
