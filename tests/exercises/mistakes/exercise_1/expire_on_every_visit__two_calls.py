def count_visit(client, page, seconds):
    count = client.incr(f"visits:{page}")
    client.expire(f"visits:{page}", seconds)
    return count
