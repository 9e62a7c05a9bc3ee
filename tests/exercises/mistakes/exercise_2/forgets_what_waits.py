def put_off(client, product, cents):
    client.xadd(STREAM, {"product": product, "cents": cents}, maxlen=1000)
