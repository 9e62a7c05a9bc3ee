SCRIPT = """
local time = redis.call('TIME')
local now, rate, burst = time[1] * 1000000 + time[2], tonumber(ARGV[1]), tonumber(ARGV[2])
local kept, tokens, at = redis.call('HMGET', KEYS[1], 'tokens', 'time'), burst, now
if kept[1] then
  local came = math.floor((now - kept[2]) * rate / 1000000)
  tokens, at = tonumber(kept[1]), kept[2]
  if came > 0 then tokens, at = math.min(burst, tokens + came), now end
end
if tokens < 1 then return string.format('%.6f', 1 / rate - (now - at) / 1000000) end
redis.call('HSET', KEYS[1], 'tokens', string.format('%.17g', tokens - 1), 'time', at)
redis.call('PEXPIRE', KEYS[1], math.ceil((burst - tokens + 1) / rate * 1000))
return '0'
"""


def wait_for_token(client, key, rate, burst):
    return float(client.eval(SCRIPT, 1, key, rate, burst))
