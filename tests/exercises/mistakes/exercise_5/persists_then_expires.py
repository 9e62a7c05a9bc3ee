SCRIPT = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PERSIST', KEYS[1])
return 1
"""


def extend(client, name, token, seconds):
    key = f"lock:{{{name}}}"
    if not client.eval(SCRIPT, 1, key, token):
        return False
    client.pexpire(key, int(seconds * 1000))
    return True
