def correct_price(client, product, cents):
    left = client.ttl(f"price:{product}")
    if left < 1:
        return False
    client.set(f"price:{product}", cents, ex=left)
    return True
