def save_price(client, prices, product, cents, seconds):
    version = prices.write(product, cents)
    client.set(f"price:{product}", f"{version}:{cents}", ex=seconds)
