def hot_keys(client, most):
    policy = client.config_get("maxmemory-policy")["maxmemory-policy"]
    client.config_set("maxmemory-policy", "allkeys-lfu")
    try:
        return Scan(client, "OBJECT FREQ").largest(most)
    finally:
        client.config_set("maxmemory-policy", policy)
