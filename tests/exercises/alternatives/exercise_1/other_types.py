def add_recent(client, user_id, item, limit):
    pipe = client.pipeline()
    pipe.rpush(f"r:{user_id}", item)
    pipe.ltrim(f"r:{user_id}", -limit, -1)
    pipe.execute()


def get_recent(client, user_id):
    return client.lrange(f"r:{user_id}", 0, -1)[::-1]


def get_page(client, board, page, size):
    rows = client.zrange(
        f"board:{board}", (page - 1) * size, page * size - 1, desc=True, withscores=True
    )
    return [(player, round(score)) for player, score in rows]


def count_visit(client, page, seconds):
    pipe = client.pipeline()
    pipe.incr(f"v:{page}")
    pipe.expire(f"v:{page}", seconds, nx=True)
    return pipe.execute()[0]


def load_prices(client, products):
    pipe = client.pipeline(transaction=False)
    for product in products:
        pipe.get(f"price:{product}")
    return {p: None if v is None else int(v) for p, v in zip(products, pipe.execute())}


def forget_user(client, user_id):
    prefix, cursor, deleted = f"user:{user_id}:", None, 0
    while cursor != 0:
        cursor, keys = client.scan(cursor or 0, count=1000)
        mine = [key for key in keys if key.startswith(prefix)]
        deleted += client.unlink(*mine) if mine else 0
    return deleted
