def release(client, name, token):
    if client.getdel(f"lock:{{{name}}}") == token:
        return True
    return False
