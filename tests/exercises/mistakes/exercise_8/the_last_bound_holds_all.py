def quantile(metrics, caches, part):
    if not 0 < part <= 1:
        raise ValueError(part)
    bounds = BOUNDS[:-1]
    counts = [sum(metrics.get(("bucket", cache, b), 0) for cache in caches) for b in bounds]
    if not counts[-1]:
        return None
    return next(b for b, n in zip(bounds, counts) if n / counts[-1] >= part)
