def acquire_within(client, name, seconds, patience):
    while (token := _Lock(client, name).take(seconds)) is None:
        time.sleep(PAUSE)
    return token
