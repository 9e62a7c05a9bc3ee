def lru_get(client, name, key):
    return client.eval(USED_GET, 3, *Keys("lru", "").three, key)


def lru_set(client, name, key, value, capacity):
    client.eval(LRU_SET, 3, *Keys("lru", "").three, key, value, capacity)
