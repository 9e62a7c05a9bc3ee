def forget_user(client, user_id):
    keys = list(client.scan_iter(match=f"user:{user_id}:*", count=500))
    return client.unlink(*keys) if keys else 0
