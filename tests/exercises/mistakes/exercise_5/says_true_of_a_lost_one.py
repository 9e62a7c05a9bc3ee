def extend(client, name, token, seconds):
    _Lock(client, name).extend(token, seconds)
    return True
