ALL = USED_GET.replace("return value", "return value and redis.call('HGETALL', KEYS[1])")


def lru_get(client, name, key):
    kept = client.eval(ALL, 3, *Keys("lru", name).three, key) or []
    return dict(zip(kept[::2], kept[1::2])).get(key)


def lru_set(client, name, key, value, capacity):
    client.eval(LRU_SET, 3, *Keys("lru", name).three, key, value, capacity)
