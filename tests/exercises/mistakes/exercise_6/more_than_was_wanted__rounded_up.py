def smallest_capacity(trace, wanted):
    if not 0 < wanted <= 1:
        raise ValueError(wanted)
    stack, answered_from = [], Counter()
    for key in trace:
        if key in stack:
            answered_from[stack.index(key) + 1] += 1
            stack.remove(key)
        stack.insert(0, key)
    hits = 0
    for capacity in sorted(answered_from):
        hits += answered_from[capacity]
        if hits >= wanted * len(trace):
            return capacity
    return None
