def get_or_stale(client, key, load, *, fresh, stale):
    kept, until, has_cache = None, 0.0, True
    try:
        found = client.get(key)
        if found is not None:
            kept, until = found.split("|")[:2]
    except valkey.ValkeyError:
        has_cache = False
    if kept is not None and until.replace(".", "").isdigit() and time.time() < float(until):
        return kept
    try:
        value = load()
    except Exception:
        if kept is None:
            raise
        return kept
    if has_cache:
        try:
            text = f"{value}|{time.time() + fresh}"
            client.set(key, text, px=int((fresh + stale) * 1000))
        except valkey.ValkeyError:
            pass
    return value
