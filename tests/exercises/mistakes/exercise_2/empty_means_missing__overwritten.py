def find_user(client, table, user_id, seconds, missing_seconds):
    stored = client.get(f"user:{user_id}")
    if stored is not None:
        return stored or None
    row = table.read(user_id)
    lifetime = missing_seconds if row is None else seconds
    client.set(f"user:{user_id}", row or "", ex=lifetime)
    return row


def create_user(client, table, user_id, row, seconds):
    table.write(user_id, row)
    client.set(f"user:{user_id}", row, ex=seconds)
