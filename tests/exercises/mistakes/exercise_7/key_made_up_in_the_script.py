SCRIPT = """
local mark = '{' .. KEYS[1] .. '}:request:' .. ARGV[3]
local told = redis.call('GET', mark)
if told then return told end
redis.call('INCRBY', KEYS[1], ARGV[1])
local number = redis.call('GET', KEYS[1])
redis.call('SET', mark, number, 'EX', ARGV[2])
return number
"""


def add_once(client, key, amount, request, *, remember):
    return int(client.eval(SCRIPT, 1, key, amount, remember, request))
