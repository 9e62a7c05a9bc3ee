import itertools

USES = itertools.count(1)


def lru_get(client, name, key):
    script = USED_GET.replace("redis.call('INCR', KEYS[3])", "ARGV[2]")
    return client.eval(script, 3, *Keys("lru", name).three, key, next(USES))


def lru_set(client, name, key, value, capacity):
    script = LRU_SET.replace("redis.call('INCR', KEYS[3])", "ARGV[4]")
    client.eval(script, 3, *Keys("lru", name).three, key, value, capacity, next(USES))
