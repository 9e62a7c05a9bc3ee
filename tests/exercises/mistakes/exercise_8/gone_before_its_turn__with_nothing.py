def hot_keys(client, most):
    if not client.config_get("maxmemory-policy")["maxmemory-policy"].endswith("-lfu"):
        return None
    sizes, cursor = {}, None
    while cursor != 0:
        cursor, keys = client.scan(cursor or 0, count=500)
        pipe = client.pipeline(transaction=False)
        for key in keys:
            pipe.object("FREQ", key)
        sizes |= {key: size or 0 for key, size in zip(keys, pipe.execute())}
    return heapq.nlargest(most, sizes.items(), key=lambda item: item[1])
