def set_field(client, user_id, field, value):
    profile = client.hgetall(f"profile:{user_id}")
    profile[field] = value
    client.hset(f"profile:{user_id}", mapping=profile)
