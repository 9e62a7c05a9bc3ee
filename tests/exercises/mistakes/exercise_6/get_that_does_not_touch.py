def lru_get(client, name, key):
    return client.hget(Keys("lru", name).four[0], key)
