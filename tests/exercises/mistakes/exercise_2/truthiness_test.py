def get_or_load(client, key, load, seconds):
    stored = client.get(key)
    value = json.loads(stored) if stored else None
    if value:
        return value
    value = load()
    client.set(key, json.dumps(value), px=int(seconds * 1000 * random.uniform(0.9, 1.0)))
    return value
