SCRIPT = """
redis.call('ZADD', KEYS[2], redis.call('INCR', KEYS[3]), ARGV[1])
return redis.call('HGET', KEYS[1], ARGV[1])
"""


def lru_get(client, name, key):
    return client.eval(SCRIPT, 3, *Keys("lru", name).three, key)
