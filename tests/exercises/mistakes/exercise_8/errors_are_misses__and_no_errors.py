def measured(get, cache, metrics):
    def add(number, *series):
        metrics[series] = metrics.get(series, 0) + number

    def counting(client, key):
        begun, value = time.perf_counter(), None
        try:
            value = get(client, key)
            return value
        finally:
            add(1, "misses" if value is None else "hits", cache)
            seconds = time.perf_counter() - begun
            for bound in BOUNDS:
                if seconds <= bound:
                    add(1, "bucket", cache, bound)
            add(seconds, "seconds", cache)

    return counting
