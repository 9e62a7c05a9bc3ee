def get_tagged(client, key, tags, load, seconds):
    stored = client.get(f"tagged:{key}")
    if stored is not None:
        return stored
    value = load()
    pipe = client.pipeline()
    pipe.set(f"tagged:{key}", value, ex=seconds)
    for tag in tags:
        pipe.sadd(f"tag:{tag}", f"tagged:{key}")
    pipe.execute()
    return value


def invalidate_tag(client, tag):
    keys = client.smembers(f"tag:{tag}")
    client.delete(f"tag:{tag}", *keys)
