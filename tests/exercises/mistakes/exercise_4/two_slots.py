SCRIPT = """
local share = 1 - ARGV[3]
local before, count = tonumber(redis.call('GET', KEYS[2])) or 0, tonumber(redis.call('GET', KEYS[1])) or 0
if before * share + count + 1 > tonumber(ARGV[1]) then return 0 end
redis.call('INCR', KEYS[1])
redis.call('EXPIRE', KEYS[1], 2 * ARGV[2])
return 1
"""


def allow_counter(client, key, limit, seconds):
    whole, part = client.time()
    windows = (whole + part / 1_000_000) / seconds
    number = int(windows)
    keys = (f"{key}:{number}", f"{key}:{number - 1}")
    return client.eval(SCRIPT, 2, *keys, limit, seconds, windows - number)
