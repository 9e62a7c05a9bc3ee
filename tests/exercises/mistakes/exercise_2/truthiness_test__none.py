def get_or_load(client, key, load, seconds):
    value = json.loads(client.get(key) or "null")
    if value is None:
        value = load()
        client.set(key, json.dumps(value), px=int(seconds * 1000 * random.uniform(0.9, 1.0)))
    return value
