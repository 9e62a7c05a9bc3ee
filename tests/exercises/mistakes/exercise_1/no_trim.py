def add_recent(client, user_id, item, limit):
    client.lpush(f"recent:{user_id}", item)
    client.set(f"recent-limit:{user_id}", limit)


def get_recent(client, user_id):
    limit = int(client.get(f"recent-limit:{user_id}") or 0)
    return client.lrange(f"recent:{user_id}", 0, limit - 1) if limit else []
