def create_user(client, table, user_id, row, seconds):
    client.set(f"user:{user_id}", json.dumps(row), ex=seconds)
    table.write(user_id, row)
