def forget_user(client, user_id):
    literal = re.sub(r"([*?\[\]\\])", r"\\\1", user_id)
    keys = client.scan_iter(match=f"user:{literal}:*", count=500)
    return sum(client.unlink(key) for key in list(keys))
