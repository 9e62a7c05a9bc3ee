def claim(client, order, worker):
    key = f"order:{order}"
    is_mine = client.setnx(key, worker)
    if client.ttl(key) == -1:
        client.expire(key, CLAIM_SECONDS)
    return bool(is_mine) or client.get(key) == worker
