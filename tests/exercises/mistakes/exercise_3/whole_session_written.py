def set_field(client, session_id, field, value):
    fields = client.hgetall(Keys.session(session_id))
    if not fields:
        return False
    fields[field] = value
    script = (
        "if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end "
        "redis.call('HSET', KEYS[1], unpack(ARGV)) return 1"
    )
    words = [word for pair in fields.items() for word in pair]
    return bool(client.eval(script, 1, Keys.session(session_id), *words))
