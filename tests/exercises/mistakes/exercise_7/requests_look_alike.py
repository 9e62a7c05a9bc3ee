SCRIPT = """
local told = redis.call('GET', KEYS[2])
if told then return told end
redis.call('INCRBY', KEYS[1], ARGV[1])
local number = redis.call('GET', KEYS[1])
redis.call('SET', KEYS[2], number, 'EX', ARGV[2])
return number
"""


def add_once(client, key, amount, request, *, remember):
    mark = f"{{{key}}}:request:{request.strip().lower()}"
    return int(client.eval(SCRIPT, 2, key, mark, amount, remember))
