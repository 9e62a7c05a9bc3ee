def lfu_get(client, name, key):
    return client.eval(LFU_GET.replace("4294967296", "1"), 3, *Keys("lfu", name).three, key)


def lfu_set(client, name, key, value, capacity):
    script = LFU_SET.replace("4294967296", "1").replace("redis.call('INCR', KEYS[3])", "0")
    client.eval(script, 3, *Keys("lfu", name).three, key, value, capacity)
