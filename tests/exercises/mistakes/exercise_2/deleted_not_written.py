def save_price(client, prices, product, cents, seconds):
    prices.write(product, cents)
    client.delete(f"price:{product}")
