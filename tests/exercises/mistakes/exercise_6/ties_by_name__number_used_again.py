def lfu_set(client, name, key, value, capacity):
    script = LFU_SET.replace("redis.call('INCR', KEYS[3])", "redis.call('HLEN', KEYS[1])")
    client.eval(script, 3, *Keys("lfu", name).three, key, value, capacity)
