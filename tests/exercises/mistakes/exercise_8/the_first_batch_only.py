def big_keys(client, most):
    _, keys = client.scan()
    pipe = client.pipeline(transaction=False)
    for key in keys:
        pipe.memory_usage(key)
    sizes = {key: size for key, size in zip(keys, pipe.execute()) if size is not None}
    return heapq.nlargest(most, sizes.items(), key=lambda item: item[1])
