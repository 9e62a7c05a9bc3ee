def mru_set(client, name, key, value, capacity):
    values, order, uses = Keys("mru", name).three
    if not client.hexists(values, key) and client.hlen(values) >= capacity:
        for victim, _ in client.zpopmax(order):
            client.hdel(values, victim)
    tick = client.incr(uses)
    pipe = client.pipeline(transaction=True)
    pipe.hset(values, key, value)
    pipe.zadd(order, {key: tick})
    pipe.execute()
