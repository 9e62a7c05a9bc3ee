def hot_keys(client, most):
    if not client.config_get("maxmemory-policy")["maxmemory-policy"].endswith("-lfu"):
        return None
    return sorted(Scan(client, "OBJECT FREQ").largest(10_000), key=lambda item: item[1])[:most]
