def by_time(script):
    return script.replace("redis.call('INCR', KEYS[3])", "now")


def ttl_get(client, name, key):
    return client.eval(by_time(TTL_GET), 4, *Keys("ttl", name).four, key)


def ttl_set(client, name, key, value, *, seconds, capacity):
    client.eval(
        by_time(TTL_SET), 4, *Keys("ttl", name).four, key, value, capacity, round(seconds * 1000)
    )
