def load_once(client, key, load, seconds, lease, patience):
    stored = client.get(key)
    if stored is None:
        stored = load()
        client.set(key, stored, ex=seconds)
    return stored
