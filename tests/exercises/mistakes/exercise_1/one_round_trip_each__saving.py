def save_prices(client, prices, seconds):
    for product, cents in prices.items():
        client.set(f"price:{product}", cents, ex=seconds)
