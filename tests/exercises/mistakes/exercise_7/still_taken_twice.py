def reserve(client, product, order):
    stock = f"stock:{{{product}}}"
    for number in range(ATTEMPTS):
        try:
            if client.decr(stock) >= 0:
                return True
            client.incr(stock)
            return False
        except valkey.AuthenticationError:
            raise
        except (valkey.ConnectionError, valkey.TimeoutError):
            if number == ATTEMPTS - 1:
                raise
            time.sleep(random.uniform(0, min(CAP, BASE * 2**number)))
