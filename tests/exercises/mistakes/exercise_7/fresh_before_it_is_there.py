def get_or_stale(client, key, load, *, fresh, stale):
    kept, has_cache = None, True
    try:
        is_fresh, kept = client.mget(f"{key}:fresh", key)
        if is_fresh and kept is not None:
            return kept
    except valkey.ValkeyError:
        has_cache = False
    try:
        value = load()
    except Exception:
        if kept is None:
            raise
        return kept
    if has_cache:
        try:
            client.set(f"{key}:fresh", "1", px=int(fresh * 1000))
            client.set(key, value, px=int((fresh + stale) * 1000))
        except valkey.ValkeyError:
            pass
    return value
