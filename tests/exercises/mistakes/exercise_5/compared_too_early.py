def save(client, key, fence, text):
    if int(client.hget(key, "fence") or 0) >= fence:
        return False
    client.hset(key, mapping={"fence": fence, "text": text})
    return True
