def quantile(metrics, caches, part):
    if not 0 < part <= 1:
        raise ValueError(part)
    counts = [sum(metrics.get(("bucket", cache, b), 0) for cache in caches) for b in BOUNDS]
    if not sum(counts):
        return None
    total = 0
    for bound, count in zip(BOUNDS, counts):
        total += count
        if total / sum(counts) >= part:
            return bound
