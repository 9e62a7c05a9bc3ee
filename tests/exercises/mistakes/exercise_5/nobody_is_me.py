def claim(client, order, worker):
    key = f"order:{order}"
    if client.set(key, worker, nx=True, ex=CLAIM_SECONDS):
        return True
    return client.get(key) in {None, worker}
