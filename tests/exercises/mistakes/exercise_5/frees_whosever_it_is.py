def compute_and_save(client, name, key, seconds, compute):
    taken = _Lock(client, name).take_fenced(seconds)
    if taken is None:
        return False
    try:
        return bool(client.eval(SAVE, 1, key, taken[1], compute()))
    finally:
        client.delete(f"lock:{{{name}}}")
