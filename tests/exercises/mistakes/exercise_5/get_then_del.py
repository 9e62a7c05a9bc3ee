def release(client, name, token):
    if client.get(f"lock:{{{name}}}") != token:
        return False
    client.delete(f"lock:{{{name}}}")
    return True
