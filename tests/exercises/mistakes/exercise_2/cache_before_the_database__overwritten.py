def read_price(client, prices, product, seconds):
    stored = client.get(f"price:{product}")
    if stored is not None:
        return int(stored)
    row = prices.read(product)
    if row is None:
        return None
    client.set(f"price:{product}", row[1], ex=seconds)
    return row[1]


def save_price(client, prices, product, cents, seconds):
    client.set(f"price:{product}", cents, ex=seconds)
    prices.write(product, cents)
