def sample(client):
    return client.info("everything")


def hit_ratio(before, after):
    names = ("keyspace_hits", "keyspace_misses")
    began_again = before["process_id"] != after["process_id"] or any(
        after[n] < before[n] for n in names
    )
    hits, misses = (after[n] - (0 if began_again else before[n]) for n in names)
    return hits / (hits + misses) if hits + misses else None
