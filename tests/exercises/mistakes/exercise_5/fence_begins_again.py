SCRIPT = """
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 0 end
local fence = redis.call('INCR', KEYS[2])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return fence
"""


def acquire_fenced(client, name, seconds):
    token, lock = secrets.token_hex(16), f"lock:{{{name}}}"
    fence = client.eval(SCRIPT, 2, lock, f"{lock}:fence", token, int(seconds * 1000))
    return (token, fence) if fence else None
