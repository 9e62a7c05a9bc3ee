def measured(get, cache, metrics):
    own = Counter()

    def add(number, *series):
        own[series] += number
        metrics[series] = own[series]

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
            seconds = time.perf_counter() - begun
            for bound in BOUNDS:
                if seconds <= bound:
                    add(1, "bucket", cache, bound)
            add(seconds, "seconds", cache)

    return counting
