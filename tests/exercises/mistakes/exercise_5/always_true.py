def release(client, name, token):
    _Lock(client, name).free(token)
    return True
