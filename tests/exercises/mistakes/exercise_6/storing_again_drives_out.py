SCRIPT = MRU_SET.replace("is_new and ", "")


def mru_set(client, name, key, value, capacity):
    client.eval(SCRIPT, 3, *Keys("mru", name).three, key, value, capacity)
