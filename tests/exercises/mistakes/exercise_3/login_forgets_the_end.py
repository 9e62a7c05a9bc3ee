SCRIPT = """
local ends = redis.call('HGET', KEYS[1], '@ends')
if not ends then return 0 end
ends = redis.call('TIME')[1] + 86400
redis.call('RENAME', KEYS[1], KEYS[2])
redis.call('HSET', KEYS[2], 'user', ARGV[1], '@ends', ends)
redis.call('SADD', KEYS[3], KEYS[2])
redis.call('EXPIREAT', KEYS[3], ends)
return 1
"""


def log_in(client, session_id, user_id):
    new_id = secrets.token_urlsafe(32)
    keys = Keys.session(session_id), Keys.session(new_id), Keys.index(user_id)
    return new_id if client.eval(SCRIPT, len(keys), *keys, user_id) else None
