SCRIPT = """
local told = redis.call('HGET', KEYS[2], ARGV[3])
if told then return told end
redis.call('INCRBY', KEYS[1], ARGV[1])
local number = redis.call('GET', KEYS[1])
redis.call('HSET', KEYS[2], ARGV[3], number)
return number
"""


def add_once(client, key, amount, request, *, remember):
    return int(client.eval(SCRIPT, 2, key, f"{{{key}}}:requests", amount, remember, request))
