SCRIPT = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('RENAME', KEYS[1], KEYS[2])
redis.call('HSET', KEYS[2], 'user', ARGV[1])
return 1
"""


def log_in(client, session_id, user_id):
    new_id = secrets.token_urlsafe(32)
    keys = Keys.session(session_id), Keys.session(new_id)
    return new_id if client.eval(SCRIPT, len(keys), *keys, user_id) else None
