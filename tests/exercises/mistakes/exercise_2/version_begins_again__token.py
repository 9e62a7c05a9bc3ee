def get_tagged(client, key, tags, load, seconds):
    entry, *versions = client.mget([f"tagged:{key}", *(f"tag:{tag}" for tag in tags)])
    if entry is not None:
        kept = json.loads(entry)
        if kept["versions"] == versions:
            return kept["value"]
    value = load()
    client.set(f"tagged:{key}", json.dumps({"versions": versions, "value": value}), ex=seconds)
    return value


def invalidate_tag(client, tag):
    client.set(f"tag:{tag}", uuid.uuid4().hex, ex=TAG_SECONDS)
