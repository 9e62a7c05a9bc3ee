def hot_keys(client, most):
    if not client.config_get("maxmemory-policy")["maxmemory-policy"].endswith("-lfu"):
        client.config_set("maxmemory-policy", "allkeys-lfu")
    return Scan(client, "OBJECT FREQ").largest(most)
