@contextmanager
def held(client, name, seconds):
    token = _Lock(client, name).take(seconds)
    if token is None:
        raise LockTakenError(name)
    was_mine = True
    try:
        yield token
    finally:
        was_mine = client.get(f"lock:{{{name}}}") == token
        client.delete(f"lock:{{{name}}}")
    if not was_mine:
        raise LeaseLostError(name)
