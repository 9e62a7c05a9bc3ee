SCRIPT = """
local told = redis.call('GET', KEYS[2])
if told then return tonumber(told) end
local number = redis.call('INCRBY', KEYS[1], ARGV[1])
redis.call('SET', KEYS[2], number, 'EX', ARGV[2])
return number
"""


def add_once(client, key, amount, request, *, remember):
    return int(client.eval(SCRIPT, 2, key, f"{{{key}}}:request:{request}", amount, remember))
