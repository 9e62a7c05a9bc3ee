def compute_and_save(client, name, key, seconds, compute):
    lock = _Lock(client, name)
    taken = lock.take_fenced(seconds)
    if taken is None:
        return False
    token, fence = taken
    try:
        text = compute()
        if client.get(f"lock:{{{name}}}") != token:
            return False
        client.hset(key, mapping={"text": text, "fence": fence})
        return True
    finally:
        lock.free(token)
