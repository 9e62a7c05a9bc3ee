def save_prices(client, prices, seconds):
    for product, cents in prices.items():
        client.set(f"price:{product}", cents, ex=seconds)


def load_prices(client, products):
    found = {product: client.get(f"price:{product}") for product in products}
    return {product: None if value is None else int(value) for product, value in found.items()}
