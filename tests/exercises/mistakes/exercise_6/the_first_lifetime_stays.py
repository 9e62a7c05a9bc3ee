SCRIPT = TTL_SET.replace("redis.call('ZADD', KEYS[4], now", "redis.call('ZADD', KEYS[4], 'NX', now")


def ttl_set(client, name, key, value, *, seconds, capacity):
    client.eval(SCRIPT, 4, *Keys("ttl", name).four, key, value, capacity, round(seconds * 1000))
