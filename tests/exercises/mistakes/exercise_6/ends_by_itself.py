AN_HOUR = "for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, 3600) end\n"


def lru_get(client, name, key):
    script = USED_GET.replace("return value", AN_HOUR + "return value")
    return client.eval(script, 3, *Keys("lru", name).three, key)


def lru_set(client, name, key, value, capacity):
    client.eval(LRU_SET + AN_HOUR, 3, *Keys("lru", name).three, key, value, capacity)
