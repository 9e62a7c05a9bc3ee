def set_field(client, session_id, field, value):
    script = (
        "if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end "
        "return redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])"
    )
    return bool(client.eval(script, 1, Keys.session(session_id), field, value))
