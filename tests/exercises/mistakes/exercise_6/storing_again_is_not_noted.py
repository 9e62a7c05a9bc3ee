SCRIPT = MRU_SET.replace("KEYS[2], redis.call('INCR'", "KEYS[2], 'NX', redis.call('INCR'")


def mru_set(client, name, key, value, capacity):
    client.eval(SCRIPT, 3, *Keys("mru", name).three, key, value, capacity)
