SCRIPT = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
return 1
"""


def release(client, name, token):
    return bool(client.eval(SCRIPT, 1, f"lock:{{{name}}}", token))
