SCRIPT = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2], 'GT')
return 1
"""


def extend(client, name, token, seconds):
    return bool(client.eval(SCRIPT, 1, f"lock:{{{name}}}", token, int(seconds * 1000)))
