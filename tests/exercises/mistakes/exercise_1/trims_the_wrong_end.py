def add_recent(client, user_id, item, limit):
    pipe = client.pipeline(transaction=True)
    pipe.rpush(f"recent:{user_id}", item)
    pipe.ltrim(f"recent:{user_id}", 0, limit - 1)
    pipe.execute()


def get_recent(client, user_id):
    return client.lrange(f"recent:{user_id}", 0, -1)[::-1]
