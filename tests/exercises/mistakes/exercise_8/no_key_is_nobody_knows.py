def hot_keys(client, most):
    if not client.config_get("maxmemory-policy")["maxmemory-policy"].endswith("-lfu"):
        return None
    return Scan(client, "OBJECT FREQ").largest(most) or None
