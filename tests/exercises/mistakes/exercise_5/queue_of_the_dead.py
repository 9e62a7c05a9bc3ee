def acquire_within(client, name, seconds, patience):
    lock, queue, me = _Lock(client, name), f"queue:{{{name}}}", secrets.token_hex(8)
    token = lock.take(seconds)
    if token is not None:
        return token
    client.rpush(queue, me)
    until = time.monotonic() + patience
    while token is None and time.monotonic() < until:
        time.sleep(PAUSE)
        token = lock.take(seconds)
    client.lrem(queue, 1, me)
    return token
