SCRIPT = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('EXPIRE', KEYS[1], ARGV[2])
"""


def extend(client, name, token, seconds):
    return bool(client.eval(SCRIPT, 1, f"lock:{{{name}}}", token, int(seconds)))
