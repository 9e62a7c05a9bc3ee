def hit_ratio(before, after):
    hits, misses = after["keyspace_hits"], after["keyspace_misses"]
    return hits / (hits + misses) if hits + misses else None
