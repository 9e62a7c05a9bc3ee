SCRIPT = """
local number = math.floor(redis.call('TIME')[1] / ARGV[1])
local kept = redis.call('HMGET', KEYS[1], 'number', 'count')
local count = 0
if tonumber(kept[1]) == number then count = tonumber(kept[2]) end
redis.call('HSET', KEYS[1], 'number', number, 'count', count + 1)
redis.call('EXPIRE', KEYS[1], ARGV[1])
return count + 1
"""


def allow_fixed(client, key, limit, seconds):
    return client.eval(SCRIPT, 1, key, seconds) <= limit
