def find_user(client, table, user_id, seconds, missing_seconds):
    stored = client.get(f"user:{user_id}")
    if stored is not None:
        return None if stored == "missing" else stored
    row = table.read(user_id)
    lifetime = missing_seconds if row is None else seconds
    client.set(f"user:{user_id}", "missing" if row is None else row, ex=lifetime, nx=True)
    return row


def create_user(client, table, user_id, row, seconds):
    table.write(user_id, row)
    client.set(f"user:{user_id}", row, ex=seconds)
