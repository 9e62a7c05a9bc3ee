def correct_price(client, product, cents):
    if not client.exists(f"price:{product}"):
        return False
    client.set(f"price:{product}", cents)
    return True
