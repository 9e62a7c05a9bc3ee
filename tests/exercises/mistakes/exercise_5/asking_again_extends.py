def claim(client, order, worker):
    key = f"order:{order}"
    if client.set(key, worker, nx=True, ex=CLAIM_SECONDS):
        return True
    if client.get(key) != worker:
        return False
    client.expire(key, CLAIM_SECONDS)
    return True
