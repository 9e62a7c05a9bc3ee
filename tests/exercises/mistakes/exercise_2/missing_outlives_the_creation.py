def create_user(client, table, user_id, row, seconds):
    table.write(user_id, row)
