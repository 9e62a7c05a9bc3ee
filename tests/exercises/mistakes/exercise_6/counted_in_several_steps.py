def lfu_set(client, name, key, value, capacity):
    values, order, uses = Keys("lfu", name).three
    if not client.hexists(values, key):
        if client.hlen(values) >= capacity:
            for victim, _ in client.zpopmin(order):
                client.hdel(values, victim)
        client.zadd(order, {key: client.incr(uses)})
    client.hset(values, key, value)
    client.zincrby(order, 4294967296, key)
