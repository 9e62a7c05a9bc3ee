def reserve(client, product, order):
    stock = f"stock:{{{product}}}"
    for number in range(ATTEMPTS):
        try:
            if client.exists(f"{stock}:{order}"):
                return True
            if client.decr(stock) >= 0:
                client.set(f"{stock}:{order}", "", ex=DAY)
                return True
            client.incr(stock)
            return False
        except valkey.AuthenticationError:
            raise
        except (valkey.ConnectionError, valkey.TimeoutError):
            if number == ATTEMPTS - 1:
                raise
            time.sleep(random.uniform(0, min(CAP, BASE * 2**number)))
