SCRIPT = USED_SET.replace("POP", "ZPOPMIN").replace(
    "KEYS[2], redis.call('INCR'", "KEYS[2], 'NX', redis.call('INCR'"
)


def lru_set(client, name, key, value, capacity):
    client.eval(SCRIPT, 3, *Keys("lru", name).three, key, value, capacity)
