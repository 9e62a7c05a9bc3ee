def big_keys(client, most):
    sizes, cursor = {}, None
    while cursor != 0 and len(sizes) < 1000:
        cursor, keys = client.scan(cursor or 0, count=500)
        pipe = client.pipeline(transaction=False)
        for key in keys:
            pipe.memory_usage(key)
        sizes |= {key: size for key, size in zip(keys, pipe.execute()) if size is not None}
    return heapq.nlargest(most, sizes.items(), key=lambda item: item[1])
