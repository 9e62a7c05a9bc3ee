SCRIPT = """
if redis.call('EXISTS', KEYS[2]) == 1 then return 1 end
if tonumber(redis.call('GET', KEYS[1]) or 0) < 1 then return 0 end
redis.call('DECR', KEYS[1])
redis.call('SET', KEYS[2], '', 'EX', ARGV[1])
return 1
"""


def reserve(client, product, order):
    stock = f"stock:{{{product}}}"
    part = random.random()
    for number in range(ATTEMPTS):
        try:
            return bool(client.eval(SCRIPT, 2, stock, f"{stock}:{order}", DAY))
        except valkey.AuthenticationError:
            raise
        except (valkey.ConnectionError, valkey.TimeoutError):
            if number == ATTEMPTS - 1:
                raise
            time.sleep(part * min(CAP, BASE * 2**number))
