def add_recent(client, user_id, item, limit):
    client.lpush(f"recent:{user_id}", item)
    while client.llen(f"recent:{user_id}") > limit:
        client.rpop(f"recent:{user_id}")
