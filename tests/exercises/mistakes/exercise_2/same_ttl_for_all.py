def get_or_load(client, key, load, seconds):
    stored = client.get(key)
    if stored is not None:
        return json.loads(stored)
    value = load()
    client.set(key, json.dumps(value), ex=seconds)
    return value
