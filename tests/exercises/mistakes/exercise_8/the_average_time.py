def quantile(metrics, caches, part):
    if not 0 < part <= 1:
        raise ValueError(part)
    calls = sum(metrics.get(("bucket", cache, math.inf), 0) for cache in caches)
    seconds = sum(metrics.get(("seconds", cache), 0) for cache in caches)
    return seconds / calls if calls else None
