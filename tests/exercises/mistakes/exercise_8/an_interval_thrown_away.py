def hit_ratio(before, after):
    names = ("keyspace_hits", "keyspace_misses")
    if before["run_id"] != after["run_id"] or any(after[n] < before[n] for n in names):
        return None
    hits, misses = (after[n] - before[n] for n in names)
    return hits / (hits + misses) if hits + misses else None
