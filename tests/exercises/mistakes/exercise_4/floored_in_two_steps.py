def allow_login(client, address):
    key = f"login:{address}:{client.time()[0] // 60}"
    attempts = client.incr(key)
    client.expire(key, 60)
    return attempts <= 10
