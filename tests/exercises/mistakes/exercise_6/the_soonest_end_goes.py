SCRIPT = TTL_SET.replace(
    "redis.call('ZRANGE', KEYS[2], 0, 0)", "redis.call('ZRANGE', KEYS[4], 0, 0)"
)


def ttl_set(client, name, key, value, *, seconds, capacity):
    client.eval(SCRIPT, 4, *Keys("ttl", name).four, key, value, capacity, round(seconds * 1000))
