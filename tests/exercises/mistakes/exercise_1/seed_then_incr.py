def count_visit(client, page, seconds):
    client.set(f"visits:{page}", 0, ex=seconds, nx=True)
    return client.incr(f"visits:{page}")
