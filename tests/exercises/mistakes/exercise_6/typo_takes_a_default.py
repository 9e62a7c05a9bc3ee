def limit_memory(client, situation, memory):
    policy = POLICIES.get(situation, "noeviction")
    client.config_set("maxmemory-policy", policy, "maxmemory", memory)
