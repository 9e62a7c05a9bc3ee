def claim(client, order, worker):
    key = f"order:{order}"
    if client.get(key) is None:
        pipe = client.pipeline(transaction=False)
        pipe.setnx(key, worker)
        pipe.expire(key, CLAIM_SECONDS, nx=True)
        pipe.execute()
    return client.get(key) == worker
