def load_once(client, key, load, seconds, lease, patience):
    token = uuid.uuid4().hex
    until = time.monotonic() + patience
    while not (stored := client.get(key)):
        if client.set(f"{key}:lease", token, nx=True, px=int(lease * 1000)):
            try:
                stored = client.get(key)
                if not stored:
                    stored = load()
                    client.set(key, stored, ex=seconds)
                return str(stored)
            finally:
                client.eval(RELEASE, 1, f"{key}:lease", token)
        if time.monotonic() >= until:
            return load()
        time.sleep(PAUSE)
    return str(stored)
