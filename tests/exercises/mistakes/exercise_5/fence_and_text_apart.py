SCRIPT = """
if tonumber(redis.call('HGET', KEYS[1], 'fence') or 0) >= tonumber(ARGV[1]) then return 0 end
return redis.call('HSET', KEYS[1], 'fence', ARGV[1]) + 1
"""


def save(client, key, fence, text):
    if not client.eval(SCRIPT, 1, key, fence):
        return False
    client.hset(key, "text", text)
    return True
