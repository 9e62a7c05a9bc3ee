def acquire_within(client, name, seconds, patience):
    began = time.monotonic()
    while (
        token := _Lock(client, name).take(max(seconds - (time.monotonic() - began), 0.001))
    ) is None:
        left = began + patience - time.monotonic()
        if left <= 0:
            return None
        time.sleep(min(PAUSE, left))
    return token
