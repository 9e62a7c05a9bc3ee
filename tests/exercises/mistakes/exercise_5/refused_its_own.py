def claim(client, order, worker):
    return bool(client.set(f"order:{order}", worker, nx=True, ex=CLAIM_SECONDS))
