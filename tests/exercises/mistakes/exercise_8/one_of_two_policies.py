def hot_keys(client, most):
    if client.config_get("maxmemory-policy")["maxmemory-policy"] != "allkeys-lfu":
        return None
    sizes, cursor = {}, None
    while cursor != 0:
        cursor, keys = client.scan(cursor or 0, count=500)
        pipe = client.pipeline(transaction=False)
        for key in keys:
            pipe.object("FREQ", key)
        sizes |= {key: size for key, size in zip(keys, pipe.execute()) if size is not None}
    return heapq.nlargest(most, sizes.items(), key=lambda item: item[1])
