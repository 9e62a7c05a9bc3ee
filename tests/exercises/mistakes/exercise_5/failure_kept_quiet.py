def compute_and_save(client, name, key, seconds, compute):
    lock = _Lock(client, name)
    taken = lock.take_fenced(seconds)
    if taken is None:
        return False
    token, fence = taken
    try:
        return bool(client.eval(SAVE, 1, key, fence, compute()))
    except Exception:
        return False
    finally:
        lock.free(token)
