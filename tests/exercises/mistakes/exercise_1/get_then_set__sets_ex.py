def count_visit(client, page, seconds):
    count = int(client.get(f"visits:{page}") or 0) + 1
    client.set(f"visits:{page}", count, ex=seconds)
    return count
