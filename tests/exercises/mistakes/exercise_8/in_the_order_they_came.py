def quantile(metrics, caches, part):
    if not 0 < part <= 1:
        raise ValueError(part)
    counts = Counter()
    for series, number in metrics.items():
        if series[0] == "bucket" and series[1] in caches:
            counts[series[2]] += number
    if not counts:
        return None
    return next(bound for bound in counts if counts[bound] / counts[math.inf] >= part)
