def compute_and_save(client, name, key, seconds, compute):
    lock = _Lock(client, name)
    try:
        taken = lock.take_fenced(seconds)
        if taken is None:
            raise LockTakenError(name)
        token, fence = taken
        try:
            return bool(client.eval(SAVE, 1, key, fence, compute()))
        finally:
            lock.free(token)
    except LockTakenError:
        return False
