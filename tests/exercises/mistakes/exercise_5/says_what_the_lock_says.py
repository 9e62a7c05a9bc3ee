def compute_and_save(client, name, key, seconds, compute):
    lock = _Lock(client, name)
    taken = lock.take_fenced(seconds)
    if taken is None:
        return False
    token, fence = taken
    was_mine = False
    try:
        client.eval(SAVE, 1, key, fence, compute())
    finally:
        was_mine = lock.free(token)
    return was_mine
