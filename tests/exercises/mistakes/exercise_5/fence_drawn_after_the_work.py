def compute_and_save(client, name, key, seconds, compute):
    lock = _Lock(client, name)
    token = lock.take(seconds)
    if token is None:
        return False
    try:
        text = compute()
        fence = client.incr(f"lock:{{{name}}}:fence")
        return bool(client.eval(SAVE, 1, key, fence, text))
    finally:
        lock.free(token)
