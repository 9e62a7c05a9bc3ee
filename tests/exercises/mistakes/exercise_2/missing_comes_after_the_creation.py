def find_user(client, table, user_id, seconds, missing_seconds):
    stored = client.get(f"user:{user_id}")
    if stored is not None:
        return json.loads(stored)
    row = table.read(user_id)
    lifetime = missing_seconds if row is None else seconds
    client.set(f"user:{user_id}", json.dumps(row), ex=lifetime)
    return row
