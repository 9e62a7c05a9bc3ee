import time

SCRIPT = """
redis.call('ZREMRANGEBYSCORE', KEYS[1], 0, ARGV[1] - 600)
if redis.call('ZCARD', KEYS[1]) >= 5 then return 0 end
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[2])
redis.call('EXPIRE', KEYS[1], 600)
return 1
"""


def allow_export(client, user_id):
    return client.eval(SCRIPT, 1, f"exports:{user_id}", time.time(), uuid.uuid4().hex)
