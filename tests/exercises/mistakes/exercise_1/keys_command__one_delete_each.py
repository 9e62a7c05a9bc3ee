def forget_user(client, user_id):
    literal = re.sub(r"([*?\[\]\\])", r"\\\1", user_id)
    deleted = 0
    for key in client.keys(f"user:{literal}:*"):
        deleted += client.delete(key)
    return deleted
