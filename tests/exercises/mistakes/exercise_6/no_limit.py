def limit_memory(client, situation, memory):
    if situation not in POLICIES:
        raise ValueError(situation)
    client.config_set("maxmemory-policy", POLICIES[situation])
