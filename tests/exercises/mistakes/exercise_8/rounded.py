def hit_ratio(before, after):
    names = ("keyspace_hits", "keyspace_misses")
    again = before["run_id"] != after["run_id"] or any(after[n] < before[n] for n in names)
    hits, misses = (after[n] - (0 if again else before[n]) for n in names)
    return round(hits / (hits + misses), 2) if hits + misses else None
