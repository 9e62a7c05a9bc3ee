def mru_set(client, name, key, value, capacity):
    client.eval(LRU_SET, 3, *Keys("mru", name).three, key, value, capacity)
