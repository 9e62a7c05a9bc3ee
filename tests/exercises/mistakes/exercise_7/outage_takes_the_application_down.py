def get_or_stale(client, key, load, *, fresh, stale):
    kept, left, has_cache = None, -1, True
    kept, left = client.pipeline().get(key).pttl(key).execute()
    if kept is not None and left > stale * 1000:
        return kept
    try:
        value = load()
    except Exception:
        if kept is None:
            raise
        return kept
    if has_cache:
        client.set(key, value, px=int((fresh + stale) * 1000))
    return value
