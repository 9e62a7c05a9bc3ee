def list_sessions(client, user_id):
    index = Keys.index(user_id)
    keys = list(client.smembers(index))
    pipe = client.pipeline(transaction=False)
    for key in keys:
        pipe.hgetall(key)
    found = dict(zip(keys, map(Keys.fields, pipe.execute()), strict=True))
    return [fields for fields in found.values() if fields is not None]
