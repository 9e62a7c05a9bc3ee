CLOCK_GET = USED_GET.replace("redis.call('INCR', KEYS[3])", "ARGV[2]")
CLOCK_SET = LRU_SET.replace("redis.call('INCR', KEYS[3])", "ARGV[4]")


def lru_get(client, name, key):
    return client.eval(CLOCK_GET, 2, *Keys("lru", name).four[:2], key, time.time())


def lru_set(client, name, key, value, capacity):
    client.eval(CLOCK_SET, 2, *Keys("lru", name).four[:2], key, value, capacity, time.time())
