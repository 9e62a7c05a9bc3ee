def ttl_get(client, name, key):
    return client.eval(USED_GET, 3, *Keys("ttl", name).three, key)
