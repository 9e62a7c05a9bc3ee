def get_or_stale(client, key, load, *, fresh, stale):
    kept, left, has_cache = None, -1, True
    try:
        pipe = client.pipeline()
        kept, left = pipe.get(key).pttl(key).execute()
    except valkey.ValkeyError:
        has_cache = False
    if kept is not None and left > stale * 1000:
        return kept
    try:
        value = load()
    except valkey.ValkeyError:
        if kept is None:
            raise
        return kept
    if has_cache:
        try:
            client.set(key, value, px=int((fresh + stale) * 1000))
        except valkey.ValkeyError:
            pass
    return value
