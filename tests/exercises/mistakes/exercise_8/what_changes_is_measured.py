def big_keys(client, most):
    for key, size in Scan(client, "MEMORY USAGE"):
        pass
    pipe = client.pipeline(transaction=False)
    pipe.delete("sizes")
    pipe.zadd("sizes", {"": 0} | dict(Scan(client, "MEMORY USAGE")))
    pipe.zrem("sizes", "")
    pipe.zrange("sizes", 0, most - 1, desc=True, withscores=True)
    pipe.delete("sizes")
    return pipe.execute()[3]
