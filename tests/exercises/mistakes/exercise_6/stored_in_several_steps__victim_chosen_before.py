def lru_set(client, name, key, value, capacity):
    values, order, uses = Keys("lru", name).three
    victims = []
    if not client.hexists(values, key) and client.hlen(values) >= capacity:
        victims = client.zrange(order, 0, 0)
    tick = client.incr(uses)
    pipe = client.pipeline(transaction=True)
    if victims:
        pipe.hdel(values, *victims)
        pipe.zrem(order, *victims)
    pipe.hset(values, key, value)
    pipe.zadd(order, {key: tick})
    pipe.execute()
