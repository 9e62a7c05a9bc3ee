def claim(client, order, worker):
    key = f"order:{order}"
    if client.set(key, worker, nx=True, ex=CLAIM_SECONDS):
        return True
    return worker in (client.get(key) or "")
