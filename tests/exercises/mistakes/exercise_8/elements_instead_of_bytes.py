def big_keys(client, most):
    sizes, cursor = {}, None
    lengths = {"string": "STRLEN", "list": "LLEN", "hash": "HLEN", "set": "SCARD", "zset": "ZCARD"}
    while cursor != 0:
        cursor, keys = client.scan(cursor or 0, count=500)
        pipe = client.pipeline(transaction=False)
        for key in keys:
            pipe.type(key)
        there = [(k, kind) for k, kind in zip(keys, pipe.execute()) if kind in lengths]
        there.sort(key=lambda item: list(lengths).index(item[1]))
        for key, kind in there:
            pipe.execute_command(lengths[kind], key)
        for (key, _), size in zip(there, pipe.execute()):
            if size:
                sizes[key] = size
    return heapq.nlargest(most, sizes.items(), key=lambda item: item[1])
