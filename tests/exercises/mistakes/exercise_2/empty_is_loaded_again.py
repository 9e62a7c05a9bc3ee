def get_tagged(client, key, tags, load, seconds):
    names = [f"tag:{tag}" for tag in tags]
    entry, *tokens = client.mget([f"tagged:{key}", *names])
    if entry is not None and None not in tokens:
        kept = json.loads(entry)
        if kept["tokens"] == tokens and kept["value"]:
            return kept["value"]
    pipe = client.pipeline(transaction=True)
    for name in names:
        pipe.set(name, uuid.uuid4().hex, nx=True, ex=TAG_SECONDS)
    pipe.mget(names)
    tokens = pipe.execute()[-1]
    value = load()
    client.set(f"tagged:{key}", json.dumps({"tokens": tokens, "value": value}), ex=seconds)
    return value
