def limit_memory(client, situation, memory):
    policies = {
        "cache": "allkeys-lru",
        "favourites": "allkeys-lfu",
        "sessions": "allkeys-lru",
        "queue": "noeviction",
    }
    if situation not in policies:
        raise ValueError(situation)
    client.config_set("maxmemory-policy", policies[situation], "maxmemory", memory)
