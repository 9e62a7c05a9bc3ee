def smallest_capacity(trace, wanted):
    if not 0 < wanted <= 1:
        raise ValueError(wanted)
    seen, answered_from = {}, Counter()
    for number, key in enumerate(trace):
        if key in seen:
            answered_from[number - seen[key]] += 1
        seen[key] = number
    hits = 0
    for capacity in sorted(answered_from):
        hits += answered_from[capacity]
        if hits / len(trace) >= wanted:
            return capacity
    return None
