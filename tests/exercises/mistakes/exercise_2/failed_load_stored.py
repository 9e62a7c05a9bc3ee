def get_or_load(client, key, load, seconds):
    stored = client.get(key)
    if stored is not None:
        return json.loads(stored)
    try:
        value = load()
    except Exception:
        value = None
    client.set(key, json.dumps(value), px=int(seconds * 1000 * random.uniform(0.9, 1.0)))
    return value
