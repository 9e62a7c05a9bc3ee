def measure(client, policy, memory, trace):
    client.flushall()
    client.config_set("maxmemory-policy", policy, "maxmemory", memory)
    hits = 0
    for key in trace:
        if client.get(key) is not None:
            hits += 1
        else:
            with suppress(OutOfMemoryError):
                client.set(key, PAYLOAD)
        time.sleep(1)
    stats = client.info("stats")
    total = stats["keyspace_hits"] + stats["keyspace_misses"]
    return stats["keyspace_hits"] / total if trace else 0.0
