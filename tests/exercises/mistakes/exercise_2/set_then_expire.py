def get_or_load(client, key, load, seconds):
    stored = client.get(key)
    if stored is not None:
        return json.loads(stored)
    value = load()
    client.set(key, json.dumps(value))
    client.pexpire(key, int(seconds * 1000 * random.uniform(0.9, 1.0)))
    return value
