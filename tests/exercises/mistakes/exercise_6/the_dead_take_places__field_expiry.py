SCRIPT = """
if not redis.call('ZSCORE', KEYS[2], ARGV[1]) and redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[3]) then
  redis.call('HDEL', KEYS[1], redis.call('ZPOPMIN', KEYS[2])[1])
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('HPEXPIRE', KEYS[1], ARGV[4], 'FIELDS', 1, ARGV[1])
redis.call('ZADD', KEYS[2], redis.call('INCR', KEYS[3]), ARGV[1])
"""


def ttl_get(client, name, key):
    return client.eval(USED_GET, 3, *Keys("ttl", name).three, key)


def ttl_set(client, name, key, value, *, seconds, capacity):
    client.eval(SCRIPT, 3, *Keys("ttl", name).three, key, value, capacity, round(seconds * 1000))
