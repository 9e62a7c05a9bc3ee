def ttl_set(client, name, key, value, *, seconds, capacity):
    client.eval(TTL_SET, 4, *Keys("ttl", name).four, key, value, capacity, int(seconds) * 1000)
