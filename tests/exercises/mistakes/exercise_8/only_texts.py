def big_keys(client, most):
    sizes, cursor = {}, None
    while cursor != 0:
        cursor, keys = client.scan(cursor or 0, count=500, _type="string")
        pipe = client.pipeline(transaction=False)
        for key in keys:
            pipe.memory_usage(key)
        for key, size in zip(keys, pipe.execute()):
            if size is not None:
                sizes[key] = size
    return heapq.nlargest(most, sizes.items(), key=lambda item: item[1])
