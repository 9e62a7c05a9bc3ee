def put_off(client, product, cents):
    client.xadd(STREAM, {"product": product, "cents": cents})
    client.expire(STREAM, 86_400)
