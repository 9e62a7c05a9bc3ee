def add_recent(client, user_id, item, limit):
    script = "redis.call('LPUSH', KEYS[1], ARGV[1]) redis.call('LTRIM', KEYS[1], 0, ARGV[2] - 1)"
    client.eval(script, 1, f"seen-{user_id}", item, limit)


def get_recent(client, user_id):
    return client.lrange(f"seen-{user_id}", 0, -1)


def count_visit(client, page, seconds):
    script = client.register_script(
        "local n = redis.call('INCR', KEYS[1]) "
        "if redis.call('TTL', KEYS[1]) == -1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end "
        "return n"
    )
    return script(keys=["count:" + page], args=[seconds])


def correct_price(client, product, cents):
    script = (
        "local left = redis.call('PTTL', KEYS[1]) if left < 1 then return 0 end "
        "redis.call('SET', KEYS[1], ARGV[1], 'PX', left) return 1"
    )
    return client.eval(script, 1, f"price:{product}", cents) == 1
