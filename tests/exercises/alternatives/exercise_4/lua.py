FIXED = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[2] * 1000) end
return {count, redis.call('PTTL', KEYS[1])}
"""


def allow_fixed(client, key, limit, seconds):
    script = client.register_script(FIXED)
    return script(keys=[key], args=[limit, seconds])[0] <= limit


def allow_and_tell(client, key, name, limit, seconds):
    count, left = client.register_script(FIXED)(keys=[key], args=[limit, seconds])
    reset = -(-left // 1000)
    headers = {
        "ratelimit-policy": f'"{name}";q={limit};w={seconds}',
        "ratelimit": f'"{name}";r={max(0, limit - count)};t={reset}',
    }
    if count > limit:
        headers["retry-after"] = f"{reset}"
    return count <= limit, headers


# A list, the oldest at its left.
LIST = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
if redis.call('LLEN', KEYS[1]) >= tonumber(ARGV[1]) then
  if now - redis.call('LINDEX', KEYS[1], 0) < tonumber(ARGV[2]) then return false end
  redis.call('LPOP', KEYS[1])
end
redis.call('RPUSH', KEYS[1], string.format('%.6f', now))
redis.call('EXPIRE', KEYS[1], ARGV[2] + 1)
return true
"""


def allow_log(client, key, limit, seconds):
    return client.eval(LIST, 1, key, limit, seconds) is not None


# GCRA: one time in one key, in seconds.
GCRA = """
local time = redis.call('TIME')
local now, token = time[1] + time[2] / 1000000, 1 / ARGV[1]
local full = math.max(tonumber(redis.call('GET', KEYS[1])) or now, now)
local wait = full - now - token * (ARGV[2] - 1)
if wait > 0.000002 then return tostring(wait) end
full = full + token
redis.call('SET', KEYS[1], string.format('%.17g', full), 'PX', math.ceil((full - now) * 1000) + 1)
return '0'
"""


def wait_for_token(client, key, rate, burst):
    return float(client.eval(GCRA, 1, key, rate, burst))


# An export of exactly ten minutes ago still counts.
EXPORTS_OF_TEN_MINUTES = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('(%.6f', now - 600))
if redis.call('ZCARD', KEYS[1]) >= 5 then return 0 end
redis.call('ZADD', KEYS[1], string.format('%.6f', now), ARGV[1])
redis.call('EXPIRE', KEYS[1], 601)
return 1
"""


def allow_export(client, user_id):
    key = f"exports:{user_id}"
    return client.eval(EXPORTS_OF_TEN_MINUTES, 1, key, uuid.uuid4().hex) == 1


def allow_login(client, address):
    key = f"login:{address}:{client.time()[0] // 60}"
    pipe = client.pipeline(transaction=True)
    pipe.incr(key)
    pipe.expire(key, 120)
    return pipe.execute()[0] <= 10
