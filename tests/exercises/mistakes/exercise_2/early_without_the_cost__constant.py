def get_early(client, key, load, seconds, draw):
    stored = client.get(key)
    if stored is not None:
        kept = json.loads(stored)
        if kept["expires"] - time.time() > 0.05 * -math.log(draw):
            return kept["value"]
    value = load()
    envelope = {"value": value, "expires": time.time() + seconds}
    client.set(key, json.dumps(envelope), px=int(seconds * 1000))
    return value
