def add_once(client, key, amount, request, *, remember):
    return client.incrby(key, amount)
