def big_keys(client, most):
    sizes = {key: client.memory_usage(key) for key in client.scan_iter(count=500)}
    sizes = {key: size for key, size in sizes.items() if size is not None}
    return heapq.nlargest(most, sizes.items(), key=lambda item: item[1])
