SCRIPT = """
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], redis.call('INCR', KEYS[3]), ARGV[1])
if redis.call('HLEN', KEYS[1]) > tonumber(ARGV[3]) then
  redis.call('HDEL', KEYS[1], redis.call('ZPOPMAX', KEYS[2])[1])
end
"""


def mru_set(client, name, key, value, capacity):
    client.eval(SCRIPT, 3, *Keys("mru", name).three, key, value, capacity)
