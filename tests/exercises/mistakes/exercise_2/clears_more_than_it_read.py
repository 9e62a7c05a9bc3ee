def put_off(client, product, cents):
    client.rpush("to-write", json.dumps([product, cents]))


def write_out(client, prices, worker):
    notes = client.lrange("to-write", 0, -1)
    for note in notes:
        prices.write(*json.loads(note))
    client.delete("to-write")
    return len(notes)
