SCRIPT = TTL_GET.replace(
    "return redis.call('HGET'",
    """
local life = redis.call('HGET', KEYS[1], 'life of ' .. ARGV[1]) or 60000
redis.call('ZADD', KEYS[4], now + life, ARGV[1])
return redis.call('HGET'""",
)


def ttl_get(client, name, key):
    return client.eval(SCRIPT, 4, *Keys("ttl", name).four, key)
