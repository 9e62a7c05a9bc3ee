def get_product(client, table, product_id):
    cached = client.get(f"product:{product_id}")
    if cached is not None:
        return cached
    text = table.read(product_id)
    if text is not None:
        client.set(f"product:{product_id}", text, ex=3600, nx=True)
    return text


def change_product(client, table, product_id, text):
    table.write(product_id, text)
    client.set(f"product:{product_id}", text, ex=3600)
