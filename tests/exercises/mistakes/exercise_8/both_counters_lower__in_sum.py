def hit_ratio(before, after):
    names = ("keyspace_hits", "keyspace_misses")
    began_again = before["run_id"] != after["run_id"] or sum(map(after.get, names)) < sum(
        map(before.get, names)
    )
    hits, misses = (after[n] - (0 if began_again else before[n]) for n in names)
    return hits / (hits + misses) if hits + misses else None
