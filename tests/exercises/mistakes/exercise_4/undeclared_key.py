SCRIPT = """
local time = redis.call('TIME')
local windows = (time[1] + time[2] / 1000000) / ARGV[2]
local number = math.floor(windows)
local now, last = KEYS[1] .. ':' .. number, KEYS[1] .. ':' .. (number - 1)
local before, count = tonumber(redis.call('GET', last)) or 0, tonumber(redis.call('GET', now)) or 0
if before * (1 - (windows - number)) + count + 1 > tonumber(ARGV[1]) then return 0 end
redis.call('INCR', now)
redis.call('EXPIRE', now, 2 * ARGV[2])
return 1
"""


def allow_counter(client, key, limit, seconds):
    return client.eval(SCRIPT, 1, "{" + key + "}", limit, seconds)
