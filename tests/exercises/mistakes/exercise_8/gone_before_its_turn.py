def hot_keys(client, most):
    if not client.config_get("maxmemory-policy")["maxmemory-policy"].endswith("-lfu"):
        return None
    counts, cursor = {}, None
    while cursor != 0:
        cursor, keys = client.scan(cursor or 0, count=500)
        pipe = client.pipeline(transaction=False)
        for key in keys:
            pipe.object("FREQ", key)
        counts.update(zip(keys, pipe.execute()))
    return sorted(counts.items(), key=lambda item: -item[1])[:most]
