def put_off(client, product, cents):
    note = json.dumps([product, cents, uuid.uuid4().hex])
    client.zadd("to-write", {note: time.time()})


def write_out(client, prices, worker):
    written = 0
    while notes := client.zrange("to-write", 0, 0):
        product, cents, _ = json.loads(notes[0])
        prices.write(product, cents)
        client.zrem("to-write", notes[0])
        written += 1
    return written
