SCRIPT = USED_GET.replace("INCR", "GET")


def lru_get(client, name, key):
    return client.eval(SCRIPT, 3, *Keys("lru", name).three, key)
