SCRIPT = """
local time = redis.call('TIME')
local now, rate, burst = time[1] * 1000000 + time[2], tonumber(ARGV[1]), tonumber(ARGV[2])
local kept, tokens = redis.call('HMGET', KEYS[1], 'tokens', 'time'), burst
if kept[1] then
  tokens = math.min(burst, kept[1] + math.max(now - kept[2], 0) * rate / 1000000)
end
if tokens < 1 then
  redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens), 'time', now)
  return string.format('%.6f', math.ceil((1 - tokens) / rate * 1000000) / 1000000) end
redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens - 1), 'time', now)
redis.call('PEXPIRE', KEYS[1], math.ceil((burst - tokens + 1) / rate * 1000))
return '0'
"""


def wait_for_token(client, key, rate, burst):
    return float(client.eval(SCRIPT, 1, key, rate, burst))
