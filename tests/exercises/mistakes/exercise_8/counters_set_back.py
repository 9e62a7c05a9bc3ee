def sample(client):
    info = client.info()
    client.config_resetstat()
    return {n: info[n] for n in ("run_id", "keyspace_hits", "keyspace_misses")}


def hit_ratio(before, after):
    hits, misses = after["keyspace_hits"], after["keyspace_misses"]
    return hits / (hits + misses) if hits + misses else None
