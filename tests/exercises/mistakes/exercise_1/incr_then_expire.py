def count_visit(client, page, seconds):
    count = client.incr(f"visits:{page}")
    if count == 1:
        client.expire(f"visits:{page}", seconds)
    return count
