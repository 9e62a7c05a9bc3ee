GET = """
local value = redis.call('GET', KEYS[1])
if value then redis.call('ZADD', KEYS[2], redis.call('INCR', KEYS[3]), ARGV[1]) end
return value
"""
SET = """
if redis.call('EXISTS', KEYS[1]) == 0 and redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[3]) then
  redis.call('DEL', ARGV[4] .. redis.call('ZPOPMIN', KEYS[2])[1])
end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('ZADD', KEYS[2], redis.call('INCR', KEYS[3]), ARGV[1])
"""


def lru_get(client, name, key):
    values, order, uses = Keys("lru", name).three
    return client.eval(GET, 3, f"{values}:{key}", order, uses, key)


def lru_set(client, name, key, value, capacity):
    values, order, uses = Keys("lru", name).three
    client.eval(SET, 3, f"{values}:{key}", order, uses, key, value, capacity, f"{values}:")
