def measured(get, cache, metrics):
    def add(number, *series):
        metrics[series] = metrics.get(series, 0) + number

    def counting(client, key):
        begun = time.perf_counter()
        try:
            value = get(client, key)
        except Exception as error:
            add(1, "errors", cache, type(error).__name__)
            raise
        else:
            add(1, "misses" if value is None else "hits", cache)
            return value
        finally:
            seconds = time.perf_counter() - begun
            for bound in BOUNDS:
                if seconds < bound:
                    add(1, "bucket", cache, bound)
            add(seconds, "seconds", cache)

    return counting
