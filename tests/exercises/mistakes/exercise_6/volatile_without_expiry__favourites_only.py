def limit_memory(client, situation, memory):
    policies = POLICIES | {"favourites": "volatile-lfu"}
    if situation not in policies:
        raise ValueError(situation)
    client.config_set("maxmemory-policy", policies[situation], "maxmemory", memory)
