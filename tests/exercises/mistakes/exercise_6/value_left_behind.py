SCRIPT = """
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], redis.call('INCR', KEYS[3]), ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -1 - ARGV[3])
"""


def lru_set(client, name, key, value, capacity):
    client.eval(SCRIPT, 3, *Keys("lru", name).three, key, value, capacity)
