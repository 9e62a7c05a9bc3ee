SCRIPT = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return count
"""


def allow_and_tell(client, key, name, limit, seconds):
    count = client.eval(SCRIPT, 1, key, seconds)
    reset = math.ceil(client.pttl(key) / 1000)
    headers = {
        "RateLimit-Policy": f'"{name}";q={limit};w={seconds}',
        "RateLimit": f'"{name}";r={max(limit - count, 0)};t={reset}',
    }
    if count > limit:
        headers["Retry-After"] = str(reset)
    return count <= limit, headers
