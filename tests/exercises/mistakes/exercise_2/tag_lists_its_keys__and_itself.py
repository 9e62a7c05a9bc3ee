def get_tagged(client, key, tags, load, seconds):
    stored = client.get(f"tagged:{key}")
    if stored is not None:
        return stored
    value = load()
    client.set(f"tagged:{key}", value, ex=seconds)
    for tag in tags:
        client.sadd(f"tag:{tag}", f"tagged:{key}")
    return value


def invalidate_tag(client, tag):
    for key in client.smembers(f"tag:{tag}"):
        client.delete(key)
    client.delete(f"tag:{tag}")
