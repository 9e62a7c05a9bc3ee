SCRIPT = """
if tonumber(redis.call('HGET', KEYS[1], 'fence') or 0) > tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'fence', ARGV[1], 'text', ARGV[2])
return 1
"""


def save(client, key, fence, text):
    return bool(client.eval(SCRIPT, 1, key, fence, text))
