def save_prices(client, prices, seconds):
    client.mset({f"price:{product}": cents for product, cents in prices.items()})
    pipe = client.pipeline()
    for product in prices:
        pipe.expire(f"price:{product}", seconds)
    pipe.execute()
