def with_time(script):
    return (
        script.replace("redis.call('TIME')", "{ARGV[1], 0}")
        .replace("ARGV[1])", "ARGV[2])")
        .replace("ARGV[1], ARGV[2])", "ARGV[2], ARGV[3])")
    )


GET = """
local ends = redis.call('ZSCORE', KEYS[4], ARGV[1])
if not ends or tonumber(ends) <= tonumber(ARGV[2]) then return false end
redis.call('ZADD', KEYS[2], redis.call('INCR', KEYS[3]), ARGV[1])
return redis.call('HGET', KEYS[1], ARGV[1])
"""
SET = TTL_SET.replace(NOW, "local now = tonumber(ARGV[5])")


def ttl_get(client, name, key):
    return client.eval(GET, 4, *Keys("ttl", name).four, key, int(time.time() * 1000))


def ttl_set(client, name, key, value, *, seconds, capacity):
    now = int(time.time() * 1000)
    client.eval(SET, 4, *Keys("ttl", name).four, key, value, capacity, round(seconds * 1000), now)
