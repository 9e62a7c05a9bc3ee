def compute_and_save(client, name, key, seconds, compute):
    lock = _Lock(client, name)
    token = lock.take(seconds)
    if token is None:
        return False
    try:
        client.hset(key, "text", compute())
        return True
    finally:
        lock.free(token)
