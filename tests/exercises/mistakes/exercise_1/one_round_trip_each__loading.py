def load_prices(client, products):
    found = {product: client.get(f"price:{product}") for product in products}
    return {product: None if value is None else int(value) for product, value in found.items()}
