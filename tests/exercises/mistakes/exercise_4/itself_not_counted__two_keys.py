SCRIPT = """
local count, before = tonumber(redis.call('GET', KEYS[1])) or 0, tonumber(redis.call('GET', KEYS[2])) or 0
if before * (1 - ARGV[3]) + count >= tonumber(ARGV[1]) then return 0 end
redis.call('INCR', KEYS[1])
redis.call('EXPIRE', KEYS[1], 2 * ARGV[2])
return 1
"""


def allow_counter(client, key, limit, seconds):
    whole, part = client.time()
    number, passed = divmod(whole + part / 1_000_000, seconds)
    keys = [f"{{{key}}}:{int(number)}", f"{{{key}}}:{int(number) - 1}"]
    return client.eval(SCRIPT, 2, *keys, limit, seconds, passed / seconds)
