def load_once(client, key, load, seconds, lease, patience):
    token = uuid.uuid4().hex
    until = time.monotonic() + patience
    while (stored := client.get(key)) is None:
        if client.set(f"{key}:lease", token, nx=True, px=int(lease * 1000)):
            try:
                stored = client.get(key)
                if stored is None:
                    stored = load()
                    client.set(key, stored, ex=seconds)
                return stored
            finally:
                if client.get(f"{key}:lease") == token:
                    client.delete(f"{key}:lease")
        if time.monotonic() >= until:
            return load()
        time.sleep(PAUSE)
    return stored
