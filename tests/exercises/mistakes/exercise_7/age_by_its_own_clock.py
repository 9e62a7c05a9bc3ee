import json


def get_or_stale(client, key, load, *, fresh, stale):
    kept, has_cache = None, True
    try:
        kept = client.get(key)
    except valkey.ValkeyError:
        has_cache = False
    if kept is not None:
        when, kept = json.loads(kept)
        if time.monotonic() - when < fresh:
            return kept
    try:
        value = load()
    except Exception:
        if kept is None:
            raise
        return kept
    if has_cache:
        try:
            client.set(key, json.dumps([time.monotonic(), value]), px=int((fresh + stale) * 1000))
        except valkey.ValkeyError:
            pass
    return value
