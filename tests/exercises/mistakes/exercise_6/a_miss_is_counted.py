SCRIPT = """
redis.call('ZINCRBY', KEYS[2], 4294967296, ARGV[1])
return redis.call('HGET', KEYS[1], ARGV[1])
"""


def lfu_get(client, name, key):
    return client.eval(SCRIPT, 3, *Keys("lfu", name).three, key)
