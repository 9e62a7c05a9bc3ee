def count_visit(client, page, seconds):
    return client.incr(f"visits:{page}")
