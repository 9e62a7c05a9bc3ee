def quantile(metrics, caches, part):
    if not 0 < part <= 1:
        raise ValueError(part)
    if not any(series[0] == "bucket" and series[1] in caches for series in metrics):
        return None
    counts = [sum(metrics[("bucket", cache, b)] for cache in caches) for b in BOUNDS]
    return next(b for b, n in zip(BOUNDS, counts) if n / counts[-1] >= part)
