def lfu_get(client, name, key):
    return client.hget(Keys("lfu", name).four[0], key)
