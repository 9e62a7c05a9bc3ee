def get_or_load(client, key, load, seconds):
    stored = client.get(key)
    if stored is not None:  # JSON text: also None and "" are stored as something
        return json.loads(stored)
    value = load()
    lifetime = seconds * random.Random(key).uniform(0.9, 1.0)
    client.set(key, json.dumps(value), px=int(lifetime * 1000))
    return value
