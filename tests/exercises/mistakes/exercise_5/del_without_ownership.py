def release(client, name, token):
    return bool(client.delete(f"lock:{{{name}}}"))
