def lfu_get(client, name, key):
    script = LFU_GET.replace("4294967296", "10")
    return client.eval(script, 3, *Keys("lfu", name).three, key)


def lfu_set(client, name, key, value, capacity):
    script = LFU_SET.replace("4294967296", "10")
    client.eval(script, 3, *Keys("lfu", name).three, key, value, capacity)
