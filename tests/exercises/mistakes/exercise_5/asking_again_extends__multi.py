def claim(client, order, worker):
    key = f"order:{order}"
    with client.pipeline(transaction=True) as pipe:
        pipe.setnx(key, worker)
        pipe.expire(key, CLAIM_SECONDS)
        pipe.get(key)
        return pipe.execute()[2] == worker
