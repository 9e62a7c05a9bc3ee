SCRIPT = """
local time = redis.call('TIME')
local now, span = time[1] * 1000000 + time[2], ARGV[2] * 1000000
redis.call('ZREMRANGEBYSCORE', KEYS[1], 0, now - span)
local used = redis.call('ZCARD', KEYS[1])
if used >= tonumber(ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], now, used)
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
"""


def allow_log(client, key, limit, seconds):
    return client.eval(SCRIPT, 1, key, limit, seconds)
