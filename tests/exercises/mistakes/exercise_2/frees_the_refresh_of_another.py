def get_or_refresh(client, key, load, fresh, stale, lease):
    stored = client.get(key)
    old = None if stored is None else json.loads(stored)
    if old is not None and time.time() < old["fresh_until"]:
        return str(old["value"])
    token = uuid.uuid4().hex
    is_mine = client.set(f"{key}:lease", token, nx=True, px=int(lease * 1000))
    if old is not None and not is_mine:
        return str(old["value"])
    try:
        value = load()
    except Exception:
        client.delete(f"{key}:lease")
        if old is None:
            raise
        return str(old["value"])
    envelope = json.dumps({"value": value, "fresh_until": time.time() + fresh})
    lifetime = int((fresh + stale) * 1000)
    client.eval(FILL, 2, f"{key}:lease", key, token, envelope, lifetime)
    return value
