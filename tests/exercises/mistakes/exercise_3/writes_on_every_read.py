SCRIPT = """
local ends = redis.call('HGET', KEYS[1], '@ends')
if not ends then return {} end
redis.call('EXPIRE', KEYS[1], math.min(ARGV[1], ends - redis.call('TIME')[1]))
return redis.call('HGETALL', KEYS[1])
"""


def use_session(client, session_id, idle):
    found = client.eval(SCRIPT, 1, Keys.session(session_id), idle)
    return Keys.fields(dict(zip(found[::2], found[1::2], strict=True)))
