SCRIPT = "\n".join(line for line in TTL_SET.splitlines() if "ZRANGEBYSCORE" not in line)


def ttl_set(client, name, key, value, *, seconds, capacity):
    client.eval(SCRIPT, 4, *Keys("ttl", name).four, key, value, capacity, round(seconds * 1000))
