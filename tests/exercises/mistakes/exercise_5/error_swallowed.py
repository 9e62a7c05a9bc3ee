@contextmanager
def held(client, name, seconds):
    lock = _Lock(client, name)
    token = lock.take(seconds)
    if token is None:
        raise LockTakenError(name)
    is_well, was_mine = False, True
    try:
        yield token
        is_well = True
    except BaseException:
        pass
    finally:
        was_mine = lock.free(token)
    if is_well and not was_mine:
        raise LeaseLostError(name)
