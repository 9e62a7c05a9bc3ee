def forget_user(client, user_id):
    literal = re.sub(r"([*?\[\]\\])", r"\\\1", user_id)
    keys = client.keys(f"user:{literal}:*")
    return client.unlink(*keys) if keys else 0
