def compute_and_save(client, name, key, seconds, compute):
    lock = _Lock(client, name)
    taken = lock.take_fenced(seconds)
    if taken is None:
        return False
    token, fence = taken
    saved, was_mine = False, True
    try:
        saved = bool(client.eval(SAVE, 1, key, fence, compute()))
    finally:
        was_mine = lock.free(token)
    if not was_mine:
        raise LeaseLostError(name)
    return saved
