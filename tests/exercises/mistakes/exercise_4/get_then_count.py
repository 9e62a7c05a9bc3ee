def allow_fixed(client, key, limit, seconds):
    count = int(client.get(key) or 0)
    if count >= limit:
        return False
    if count == 0:
        client.set(key, 1, ex=seconds)
    else:
        client.set(key, count + 1, keepttl=True)
    return True
