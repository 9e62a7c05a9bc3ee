def create_user(client, table, user_id, row, seconds):
    client.delete(f"user:{user_id}")
    table.write(user_id, row)
