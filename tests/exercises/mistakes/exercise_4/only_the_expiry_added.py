SCRIPT = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
redis.call('ZREMRANGEBYSCORE', KEYS[1], 0, now - 600)
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('EXPIRE', KEYS[1], 600)
return redis.call('ZCARD', KEYS[1])
"""


def allow_export(client, user_id):
    return client.eval(SCRIPT, 1, f"exports:{user_id}", uuid.uuid4().hex) <= 5
