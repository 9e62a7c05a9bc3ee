def put_off(client, product, cents):
    client.rpush("to-write", json.dumps([product, cents]))


def write_out(client, prices, worker):
    written = 0
    while note := client.lpop("to-write"):
        prices.write(*json.loads(note))
        written += 1
    return written
