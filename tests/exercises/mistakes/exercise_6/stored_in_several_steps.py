def lru_set(client, name, key, value, capacity):
    values, order, uses = Keys("lru", name).three
    if not client.hexists(values, key) and client.hlen(values) >= capacity:
        for victim, _ in client.zpopmin(order):
            client.hdel(values, victim)
    client.hset(values, key, value)
    client.zadd(order, {key: client.incr(uses)})
