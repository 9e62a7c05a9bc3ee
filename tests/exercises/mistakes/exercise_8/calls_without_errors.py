def quantile(metrics, caches, part):
    if not 0 < part <= 1:
        raise ValueError(part)
    calls = sum(metrics.get((name, cache), 0) for cache in caches for name in ("hits", "misses"))
    counts = [sum(metrics.get(("bucket", cache, b), 0) for cache in caches) for b in BOUNDS]
    if not counts[-1]:
        return None
    return next(b for b, n in zip(BOUNDS, counts) if not calls or n / calls >= part)
