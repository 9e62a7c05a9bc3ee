SCRIPT = """
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then
  redis.call('HDEL', KEYS[1], redis.call('ZPOPMIN', KEYS[2])[1])
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], 4294967296 + redis.call('INCR', KEYS[3]), ARGV[1])
"""


def lfu_set(client, name, key, value, capacity):
    client.eval(SCRIPT, 3, *Keys("lfu", name).three, key, value, capacity)
