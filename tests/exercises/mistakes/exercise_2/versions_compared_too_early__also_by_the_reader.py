def read_price(client, prices, product, seconds):
    stored = client.get(f"price:{product}")
    if stored is not None:
        return int(stored.partition(":")[2])
    row = prices.read(product)
    if row is None:
        return None
    store_if_newer(client, product, row[0], row[1], seconds)
    return row[1]


def save_price(client, prices, product, cents, seconds):
    version = prices.write(product, cents)
    store_if_newer(client, product, version, cents, seconds)


def store_if_newer(client, product, version, cents, seconds):
    there = client.get(f"price:{product}")
    if there is None or int(there.partition(":")[0]) < version:
        client.set(f"price:{product}", f"{version}:{cents}", ex=seconds)
