def add_recent(client, user_id, item, limit):
    client.lpush(f"recent:{user_id}", item)


def get_recent(client, user_id):
    return client.lrange(f"recent:{user_id}", 0, 9)
