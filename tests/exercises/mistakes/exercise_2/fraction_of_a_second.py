def get_early(client, key, load, seconds, draw):
    stored = client.get(key)
    if stored is not None:
        kept = json.loads(stored)
        if kept["expires"] - time.time() > kept["cost"] * -math.log(draw):
            return str(kept["value"])
    began = time.monotonic()
    value = load()
    cost = time.monotonic() - began
    envelope = {"value": value, "cost": cost, "expires": time.time() + seconds}
    client.set(key, json.dumps(envelope), ex=int(seconds))
    return value
