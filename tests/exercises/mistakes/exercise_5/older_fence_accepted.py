def save(client, key, fence, text):
    client.hset(key, mapping={"fence": fence, "text": text})
    return True
