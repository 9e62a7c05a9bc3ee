def get_page(client, board, page, size):
    start = (page - 1) * size
    rows = client.zrange(f"board:{board}", start, start + size - 1, withscores=True)
    return [(player, int(score)) for player, score in rows]
