def get_or_stale(client, key, load, *, fresh, stale):
    kept = None
    try:
        kept, left = client.pipeline().get(key).pttl(key).execute()
        if kept is not None and left > stale * 1000:
            return kept
        value = load()
        client.set(key, value, px=int((fresh + stale) * 1000))
        return value
    except valkey.ValkeyError:
        if kept is not None:
            return kept
        return load()
    except Exception:
        if kept is None:
            raise
        return kept
