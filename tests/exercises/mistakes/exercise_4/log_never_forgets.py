SCRIPT = """
local time = redis.call('TIME')
local now, span = time[1] * 1000000 + time[2], ARGV[2] * 1000000
if redis.call('ZCOUNT', KEYS[1], '(' .. string.format('%.0f', now - span), '+inf') >= tonumber(ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], now, ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
"""


def allow_log(client, key, limit, seconds):
    return client.eval(SCRIPT, 1, key, limit, seconds, uuid.uuid4().hex)
