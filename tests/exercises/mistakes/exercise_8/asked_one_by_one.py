def hot_keys(client, most):
    if not client.config_get("maxmemory-policy")["maxmemory-policy"].endswith("-lfu"):
        return None
    counts = {key: client.object("FREQ", key) for key in client.scan_iter(count=500)}
    counts = {key: count for key, count in counts.items() if count is not None}
    return heapq.nlargest(most, counts.items(), key=lambda item: item[1])
