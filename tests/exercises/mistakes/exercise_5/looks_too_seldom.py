def acquire_within(client, name, seconds, patience):
    until = time.monotonic() + patience
    pause = PAUSE
    while (token := _Lock(client, name).take(seconds)) is None:
        left = until - time.monotonic()
        if left <= 0:
            return None
        time.sleep(min(pause, left))
        pause *= 2
    return token
