def save(client, key, fence, text):
    is_written = bool(client.eval(SAVE, 1, key, fence, text))
    client.expire(key, 86400)
    return is_written
