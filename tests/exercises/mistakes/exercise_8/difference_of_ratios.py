def hit_ratio(before, after):
    def since(sample):
        hits, misses = sample["keyspace_hits"], sample["keyspace_misses"]
        return hits / (hits + misses) if hits + misses else 0.0

    return since(after) - since(before)
