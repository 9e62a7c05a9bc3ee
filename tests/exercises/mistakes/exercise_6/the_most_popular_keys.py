def smallest_capacity(trace, wanted):
    if not 0 < wanted <= 1:
        raise ValueError(wanted)
    hits = 0
    for capacity, (_, count) in enumerate(Counter(trace).most_common(), start=1):
        hits += count - 1
        if hits / len(trace) >= wanted:
            return capacity
    return None
