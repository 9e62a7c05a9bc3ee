def correct_price(client, product, cents):
    return bool(client.set(f"price:{product}", cents, xx=True))
