TAKE = """
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
if redis.call('DECR', KEYS[1]) < 0 then return -1 end
redis.call('SET', KEYS[2], '', 'EX', ARGV[1])
return 0
"""


def reserve(client, product, order):
    stock = f"stock:{{{product}}}"
    for number in range(ATTEMPTS):
        try:
            if client.eval(TAKE, 2, stock, f"{stock}:{order}", DAY) == 0:
                return True
            client.incr(stock)
            return False
        except valkey.AuthenticationError:
            raise
        except (valkey.ConnectionError, valkey.TimeoutError):
            if number == ATTEMPTS - 1:
                raise
            time.sleep(random.uniform(0, min(CAP, BASE * 2**number)))
