def save_price(client, prices, product, cents, seconds):
    version = prices.write(product, cents)
    there = client.get(f"price:{product}")
    if there is None or int(there.partition(":")[0]) < version:
        client.set(f"price:{product}", f"{version}:{cents}", ex=seconds)
