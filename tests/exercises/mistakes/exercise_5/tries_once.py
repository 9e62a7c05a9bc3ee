def acquire_within(client, name, seconds, patience):
    return _Lock(client, name).take(seconds)
