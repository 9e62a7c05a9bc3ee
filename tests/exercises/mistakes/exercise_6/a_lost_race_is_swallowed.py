import valkey


def lru_get(client, name, key):
    return client.eval(USED_GET, 3, *Keys("lru", name).three, key)


def lru_set(client, name, key, value, capacity):
    values, order, uses = Keys("lru", name).three
    with client.pipeline() as pipe, suppress(valkey.WatchError):
        pipe.watch(values, order)
        victims = []
        if not pipe.hexists(values, key) and pipe.hlen(values) >= capacity:
            victims = pipe.zrange(order, 0, 0)
        tick = pipe.incr(uses)
        pipe.multi()
        if victims:
            pipe.hdel(values, *victims)
            pipe.zrem(order, *victims)
        pipe.hset(values, key, value)
        pipe.zadd(order, {key: tick})
        pipe.execute()
