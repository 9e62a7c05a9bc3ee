def mru_get(client, name, key):
    return client.hget(Keys("mru", name).four[0], key)
