def lru_get(client, name, key):
    values, order, uses = Keys("lru", name).three
    value = client.hget(values, key)
    if value is not None:
        client.zadd(order, {key: client.incr(uses)})
    return value
