def hit_ratio(before, after):
    again = before["run_id"] != after["run_id"]
    hits, misses = (
        max(0, after[n] - (0 if again else before[n])) for n in ("keyspace_hits", "keyspace_misses")
    )
    return hits / (hits + misses) if hits + misses else None
