def get_or_refresh(client, key, load, fresh, stale, lease):
    stored = client.get(key)
    old = None if stored is None else json.loads(stored)
    if old is not None and time.time() < old["fresh_until"]:
        return old["value"]
    try:
        value = load()
    except Exception:
        if old is None:
            raise
        return old["value"]
    envelope = json.dumps({"value": value, "fresh_until": time.time() + fresh})
    client.set(key, envelope, px=int((fresh + stale) * 1000))
    return value
