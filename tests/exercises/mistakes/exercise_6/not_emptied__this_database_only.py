def measure(client, policy, memory, trace):
    client.flushdb()
    client.config_set("maxmemory-policy", policy, "maxmemory", memory)
    hits = 0
    for key in trace:
        if client.get(key) is not None:
            hits += 1
        else:
            with suppress(OutOfMemoryError):
                client.set(key, PAYLOAD)
        time.sleep(1)
    return hits / len(trace) if trace else 0.0
