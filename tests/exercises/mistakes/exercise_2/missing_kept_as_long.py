def find_user(client, table, user_id, seconds, missing_seconds):
    stored = client.get(f"user:{user_id}")
    if stored is not None:
        return json.loads(stored)
    row = table.read(user_id)
    client.set(f"user:{user_id}", json.dumps(row), ex=seconds, nx=True)
    return row
