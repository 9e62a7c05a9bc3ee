def allow_login(client, address):
    key = f"login:{address}"
    attempts = client.incr(key)
    if attempts == 1:
        client.expire(key, 60)
    return attempts <= 10
