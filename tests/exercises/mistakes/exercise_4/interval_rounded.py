SCRIPT = """
local time = redis.call('TIME')
local now, each, burst = time[1] * 1000000 + time[2], tonumber(ARGV[1]), tonumber(ARGV[2])
local full = math.max(tonumber(redis.call('GET', KEYS[1])) or now, now) + each
if full - now > burst * each then return full - now - burst * each end
redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000))
return 0
"""


def wait_for_token(client, key, rate, burst):
    return client.eval(SCRIPT, 1, key, int(1_000_000 / rate), burst) / 1_000_000
