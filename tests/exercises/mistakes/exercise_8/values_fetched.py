def big_keys(client, most):
    sizes, cursor = {}, None
    while cursor != 0:
        cursor, keys = client.scan(cursor or 0, count=500)
        pipe = client.pipeline(transaction=False)
        for key in keys:
            pipe.dump(key)
        for key, dump in zip(keys, pipe.execute()):
            if dump is not None:
                sizes[key] = len(dump)
    return heapq.nlargest(most, sizes.items(), key=lambda item: item[1])
