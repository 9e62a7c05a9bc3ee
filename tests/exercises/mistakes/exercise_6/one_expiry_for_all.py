SCRIPT = (
    LRU_SET
    + """
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
"""
)


def ttl_get(client, name, key):
    return client.eval(USED_GET, 3, *Keys("ttl", name).three, key)


def ttl_set(client, name, key, value, *, seconds, capacity):
    client.eval(
        SCRIPT, 3, *Keys("ttl", name).three, key, value, capacity, max(1, round(seconds * 1000))
    )
