def claim(client, order, worker):
    key = f"order:{order}"
    return bool(client.set(key, worker, nx=True)) or client.get(key) == worker
