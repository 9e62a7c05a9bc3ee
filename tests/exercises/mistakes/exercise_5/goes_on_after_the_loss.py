def compute_and_save(client, name, key, seconds, compute):
    lock = _Lock(client, name)
    taken = lock.take_fenced(seconds)
    if taken is None:
        return False
    token, fence = taken
    try:
        client.hset(key, mapping={"text": compute(), "fence": fence})
        return True
    finally:
        lock.free(token)
