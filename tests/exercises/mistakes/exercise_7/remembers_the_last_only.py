SCRIPT = """
local told = redis.call('HMGET', KEYS[2], 'request', 'told')
if told[1] == ARGV[3] then return told[2] end
redis.call('INCRBY', KEYS[1], ARGV[1])
local number = redis.call('GET', KEYS[1])
redis.call('HSET', KEYS[2], 'request', ARGV[3], 'told', number)
redis.call('EXPIRE', KEYS[2], ARGV[2])
return number
"""


def add_once(client, key, amount, request, *, remember):
    return int(client.eval(SCRIPT, 2, key, f"{{{key}}}:last", amount, remember, request))
