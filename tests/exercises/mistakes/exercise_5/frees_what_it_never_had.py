@contextmanager
def held(client, name, seconds):
    key = f"lock:{{{name}}}"
    was_mine = True
    try:
        token = _Lock(client, name).take(seconds)
        if token is None:
            raise LockTakenError(name)
        yield token
        was_mine = client.get(key) == token
    finally:
        if was_mine:
            client.delete(key)
    if not was_mine:
        raise LeaseLostError(name)
