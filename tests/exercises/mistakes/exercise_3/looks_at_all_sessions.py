def keys_of_user(client, user_id):
    return [key for key in client.scan_iter("session:*") if client.hget(key, "user") == user_id]


def list_sessions(client, user_id):
    found = [client.hgetall(key) for key in keys_of_user(client, user_id)]
    return [fields for fields in map(Keys.fields, found) if fields is not None]


def log_out_everywhere(client, user_id, but=None):
    kept = Keys.session(but) if but is not None else ""
    return sum(client.unlink(key) for key in keys_of_user(client, user_id) if key != kept)
