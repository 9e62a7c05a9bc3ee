SCRIPT = """
local time = redis.call('TIME')
local windows = time[1] / ARGV[2]
local number = math.floor(windows)
local kept = redis.call('HMGET', KEYS[1], 'number', 'count', 'before')
local last, count, before = tonumber(kept[1]) or -9, tonumber(kept[2]) or 0, tonumber(kept[3]) or 0
if last == number - 1 then count, before = 0, count end
if last < number - 1 then count, before = 0, 0 end
if before * (1 - (windows - number)) + count + 1 > tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'number', number, 'count', count + 1, 'before', before)
redis.call('EXPIRE', KEYS[1], 2 * ARGV[2])
return 1
"""


def allow_counter(client, key, limit, seconds):
    return client.eval(SCRIPT, 1, key, limit, seconds)
