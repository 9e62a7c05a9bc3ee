def hot_keys(client, most):
    if not client.config_get("maxmemory-policy")["maxmemory-policy"].endswith("-lfu"):
        return None
    found, cursor = {}, None
    while cursor != 0:
        cursor, keys = client.scan(cursor or 0, count=500)
        pipe = client.pipeline(transaction=False)
        for key in keys:
            pipe.touch(key)
            pipe.object("FREQ", key)
        replies = pipe.execute()
        for key, there, count in zip(keys, replies[::2], replies[1::2]):
            if there:
                found[key] = count
    return heapq.nlargest(most, found.items(), key=lambda item: item[1])
