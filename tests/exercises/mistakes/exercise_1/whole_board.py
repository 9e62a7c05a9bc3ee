def get_page(client, board, page, size):
    rows = client.zrevrange(f"board:{board}", 0, -1, withscores=True)
    start = (page - 1) * size
    return [(player, int(score)) for player, score in rows[start : start + size]]
