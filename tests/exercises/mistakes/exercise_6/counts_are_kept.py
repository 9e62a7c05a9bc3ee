COUNT = """
local uses = redis.call('ZINCRBY', KEYS[4], 1, ARGV[1])
"""


def lfu_get(client, name, key):
    script = """
local value = redis.call('HGET', KEYS[1], ARGV[1])
if value then
  redis.call('ZINCRBY', KEYS[2], 4294967296, ARGV[1])
  redis.call('ZINCRBY', KEYS[4], 1, ARGV[1])
end
return value
"""
    return client.eval(script, 4, *Keys("lfu", name).four, key)


def lfu_set(client, name, key, value, capacity):
    script = """
local uses = redis.call('ZINCRBY', KEYS[4], 1, ARGV[1])
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then
  if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then
    redis.call('HDEL', KEYS[1], redis.call('ZPOPMIN', KEYS[2])[1])
  end
  redis.call('ZADD', KEYS[2], (uses - 1) * 4294967296 + redis.call('INCR', KEYS[3]), ARGV[1])
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZINCRBY', KEYS[2], 4294967296, ARGV[1])
"""
    client.eval(script, 4, *Keys("lfu", name).four, key, value, capacity)
