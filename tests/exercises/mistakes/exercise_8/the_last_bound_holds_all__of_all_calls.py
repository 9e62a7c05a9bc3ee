def quantile(metrics, caches, part):
    if not 0 < part <= 1:
        raise ValueError(part)
    counts = [sum(metrics.get(("bucket", cache, b), 0) for cache in caches) for b in BOUNDS]
    if not counts[-1]:
        return None
    found = (b for b, n in zip(BOUNDS[:-1], counts) if n / counts[-1] >= part)
    return next(found, BOUNDS[-2])
