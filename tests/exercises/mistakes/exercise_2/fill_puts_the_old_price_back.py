def read_price(client, prices, product, seconds):
    stored = client.get(f"price:{product}")
    if stored is not None:
        return int(stored.partition(":")[2])
    row = prices.read(product)
    if row is None:
        return None
    client.set(f"price:{product}", f"{row[0]}:{row[1]}", ex=seconds)
    return row[1]
