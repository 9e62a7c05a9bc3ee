def quantile(metrics, caches, part):
    counts = [sum(metrics.get(("bucket", cache, b), 0) for cache in caches) for b in BOUNDS]
    if not counts[-1]:
        return None
    return next((b for b, n in zip(BOUNDS, counts) if n / counts[-1] >= part), math.inf)
