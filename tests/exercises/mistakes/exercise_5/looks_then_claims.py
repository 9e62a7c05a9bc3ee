def claim(client, order, worker):
    key = f"order:{order}"
    there = client.get(key)
    if there is None:
        client.set(key, worker, ex=CLAIM_SECONDS)
        return True
    return there == worker
