def forget_user(client, user_id):
    literal = re.sub(r"([*?\[\]\\])", r"\\\1", user_id)
    _, keys = client.scan(0, match=f"user:{literal}:*", count=500)
    return client.unlink(*keys) if keys else 0
