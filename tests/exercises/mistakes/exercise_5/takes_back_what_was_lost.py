SCRIPT = """
local there = redis.call('GET', KEYS[1])
if there and there ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""


def extend(client, name, token, seconds):
    return bool(client.eval(SCRIPT, 1, f"lock:{{{name}}}", token, int(seconds * 1000)))
