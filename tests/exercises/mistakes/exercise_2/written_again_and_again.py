def write_out(client, prices, worker):
    entries = client.xrange(STREAM)
    for _, note in entries:
        prices.write(note["product"], int(note["cents"]))
    return len(entries)
