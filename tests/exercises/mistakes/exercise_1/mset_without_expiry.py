def save_prices(client, prices, seconds):
    client.mset({f"price:{product}": cents for product, cents in prices.items()})
