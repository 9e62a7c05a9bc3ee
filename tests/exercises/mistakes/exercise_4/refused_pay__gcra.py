SCRIPT = """
local time = redis.call('TIME')
local now, each, burst = time[1] * 1000000 + time[2], 1000000 / ARGV[1], tonumber(ARGV[2])
local full = math.max(tonumber(redis.call('GET', KEYS[1])) or now, now)
local wait = math.max(full - now - (burst - 1) * each, 0)
redis.call('SET', KEYS[1], string.format('%.17g', full + each), 'PX', math.ceil((full + each - now) / 1000))
return string.format('%.6f', wait / 1000000)
"""


def wait_for_token(client, key, rate, burst):
    return float(client.eval(SCRIPT, 1, key, rate, burst))
