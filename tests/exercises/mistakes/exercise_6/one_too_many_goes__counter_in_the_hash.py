TICK = "redis.call('HINCRBY', KEYS[1], ':uses', 1)"


def lru_get(client, name, key):
    script = USED_GET.replace("redis.call('INCR', KEYS[3])", TICK)
    return client.eval(script, 3, *Keys("lru", name).three, key)


def lru_set(client, name, key, value, capacity):
    script = LRU_SET.replace("redis.call('INCR', KEYS[3])", TICK)
    client.eval(script, 3, *Keys("lru", name).three, key, value, capacity)
