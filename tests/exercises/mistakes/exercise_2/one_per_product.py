def put_off(client, product, cents):
    client.hset("to-write", product, cents)


def write_out(client, prices, worker):
    notes = client.hgetall("to-write")
    for product, cents in notes.items():
        prices.write(product, int(cents))
        client.hdel("to-write", product)
    return len(notes)
