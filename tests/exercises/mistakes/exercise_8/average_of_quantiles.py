def quantile(metrics, caches, part):
    if not 0 < part <= 1:
        raise ValueError(part)
    found = []
    for cache in caches:
        calls = metrics.get(("bucket", cache, math.inf), 0)
        if calls:
            found.append(
                next(b for b in BOUNDS if metrics.get(("bucket", cache, b), 0) / calls >= part)
            )
    return sum(found) / len(found) if found else None
