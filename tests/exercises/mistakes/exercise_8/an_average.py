def measured(get, cache, metrics):
    def add(number, *series):
        metrics[series] = metrics.get(series, 0) + number

    def counting(client, key):
        begun = time.perf_counter()
        try:
            value = get(client, key)
            add(1, "misses" if value is None else "hits", cache)
            return value
        except Exception as error:
            add(1, "errors", cache, type(error).__name__)
            raise
        finally:
            add(time.perf_counter() - begun, "seconds", cache)
            add(1, "calls", cache)
            metrics[("average", cache)] = metrics[("seconds", cache)] / metrics[("calls", cache)]

    return counting
