SCRIPT = """
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], redis.call('INCR', KEYS[3]), ARGV[1])
while redis.call('HLEN', KEYS[1]) >= math.max(2, ARGV[3]) do
  redis.call('HDEL', KEYS[1], redis.call('ZPOPMIN', KEYS[2])[1])
end
"""


def lru_set(client, name, key, value, capacity):
    client.eval(SCRIPT, 3, *Keys("lru", name).three, key, value, capacity)
