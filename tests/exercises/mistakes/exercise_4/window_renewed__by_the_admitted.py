SCRIPT = """
local count = tonumber(redis.call('GET', KEYS[1])) or 0
if count >= tonumber(ARGV[1]) then return 0 end
redis.call('INCR', KEYS[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
"""


def allow_fixed(client, key, limit, seconds):
    return client.eval(SCRIPT, 1, key, limit, seconds)
