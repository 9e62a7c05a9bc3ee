def hit_ratio(before, after):
    hits, misses = (after[n] - before[n] for n in ("keyspace_hits", "keyspace_misses"))
    return hits / (hits + misses) if hits + misses else None
