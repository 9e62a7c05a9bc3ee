def get_or_load(client, key, load, seconds):
    if client.exists(key):
        return json.loads(client.get(key))
    value = load()
    client.set(key, json.dumps(value), px=int(seconds * 1000 * random.uniform(0.9, 1.0)))
    return value
