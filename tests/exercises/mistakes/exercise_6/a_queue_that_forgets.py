def limit_memory(client, situation, memory):
    policies = {
        "cache": "allkeys-lru",
        "favourites": "allkeys-lfu",
        "sessions": "volatile-lru",
        "queue": "allkeys-lru",
    }
    if situation not in policies:
        raise ValueError(situation)
    client.config_set("maxmemory-policy", policies[situation], "maxmemory", memory)
