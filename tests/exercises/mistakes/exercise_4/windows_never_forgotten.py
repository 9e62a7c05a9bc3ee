SCRIPT = """
local time = redis.call('TIME')
local windows = (time[1] + time[2] / 1000000) / ARGV[2]
local number = math.floor(windows)
local kept = redis.call('HMGET', KEYS[1], number, number - 1)
local count, before = tonumber(kept[1]) or 0, tonumber(kept[2]) or 0
if before * (1 - (windows - number)) + count + 1 > tonumber(ARGV[1]) then return 0 end
redis.call('HINCRBY', KEYS[1], number, 1)
redis.call('EXPIRE', KEYS[1], 2 * ARGV[2])
return 1
"""


def allow_counter(client, key, limit, seconds):
    return client.eval(SCRIPT, 1, key, limit, seconds)
