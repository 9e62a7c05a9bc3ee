USE = """
local score = tonumber(redis.call('ZSCORE', KEYS[2], ARGV[1])) or 0
local uses = math.floor(score / 4294967296) + 1
redis.call('ZADD', KEYS[2], uses * 4294967296 + redis.call('INCR', KEYS[3]), ARGV[1])
"""


def lfu_get(client, name, key):
    script = (
        "local value = redis.call('HGET', KEYS[1], ARGV[1]) if value then"
        + USE
        + "end return value"
    )
    return client.eval(script, 3, *Keys("lfu", name).three, key)


def lfu_set(client, name, key, value, capacity):
    script = """
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then
  redis.call('HDEL', KEYS[1], redis.call('ZPOPMIN', KEYS[2])[1])
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
"""
    client.eval(script + USE, 3, *Keys("lfu", name).three, key, value, capacity)
