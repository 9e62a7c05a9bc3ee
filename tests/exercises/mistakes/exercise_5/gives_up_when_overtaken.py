def acquire_within(client, name, seconds, patience):
    until = time.monotonic() + patience
    while client.exists(f"lock:{{{name}}}"):
        left = until - time.monotonic()
        if left <= 0:
            return None
        time.sleep(min(PAUSE, left))
    return _Lock(client, name).take(seconds)
