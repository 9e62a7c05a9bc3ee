def find_user(client, table, user_id, seconds, missing_seconds):
    stored = client.get(f"user:{user_id}")
    if stored is not None:
        return stored
    row = table.read(user_id)
    if row is not None:
        client.set(f"user:{user_id}", row, ex=seconds)
    return row


def create_user(client, table, user_id, row, seconds):
    table.write(user_id, row)
    client.set(f"user:{user_id}", row, ex=seconds)
