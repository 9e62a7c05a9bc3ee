def acquire_within(client, name, seconds, patience):
    until = time.monotonic() + patience
    while (token := _Lock(client, name).take(seconds)) is None:
        left = until - time.monotonic()
        if left <= 0:
            return None
        time.sleep(min(left, max(client.pttl(f"lock:{{{name}}}"), 1) / 1000))
    return token
