def hit_ratio(before, after):
    again = before["run_id"] != after["run_id"]
    numbers = []
    for name in ("keyspace_hits", "keyspace_misses"):
        low = again or after[name] < before[name]
        numbers.append(after[name] if low else after[name] - before[name])
    hits, misses = numbers
    return hits / (hits + misses) if hits + misses else None
