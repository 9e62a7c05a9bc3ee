def claim(client, order, worker):
    key = f"order:{order}"
    if client.get(key) not in {None, worker}:
        return False
    client.set(key, worker, ex=CLAIM_SECONDS)
    return True
