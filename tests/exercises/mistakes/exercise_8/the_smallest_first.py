def big_keys(client, most):
    return sorted(Scan(client, "MEMORY USAGE").largest(10_000), key=lambda item: item[1])[:most]
