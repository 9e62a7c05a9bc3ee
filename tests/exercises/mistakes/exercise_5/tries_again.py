def compute_and_save(client, name, key, seconds, compute):
    lock = _Lock(client, name)
    taken = lock.take_fenced(seconds)
    while taken is not None:
        token, fence = taken
        try:
            if client.eval(SAVE, 1, key, fence, compute()):
                return True
        finally:
            lock.free(token)
        taken = lock.take_fenced(seconds)
    return False
