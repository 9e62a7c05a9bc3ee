def add_points(client, board, player, points):
    score = int(client.zscore(f"board:{board}", player) or 0) + points
    client.zadd(f"board:{board}", {player: score})
    return score
