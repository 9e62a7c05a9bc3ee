def keys(name):
    return f"{name}:values", f"{name}:order", f"{name}:uses"


def lru_get(client, name, key):
    return client.eval(USED_GET, 3, *keys(name), key)


def lru_set(client, name, key, value, capacity):
    client.eval(LRU_SET, 3, *keys(name), key, value, capacity)
