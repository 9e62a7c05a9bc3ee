def reserve(client, product, order):
    stock = f"stock:{{{product}}}"
    for number in range(ATTEMPTS):
        try:
            there, done = client.mget(stock, f"{stock}:{order}")
            if done is not None:
                return True
            if int(there or 0) < 1:
                return False
            pipe = client.pipeline(transaction=True)
            pipe.decr(stock)
            pipe.set(f"{stock}:{order}", "", ex=DAY)
            pipe.execute()
            return True
        except valkey.AuthenticationError:
            raise
        except (valkey.ConnectionError, valkey.TimeoutError):
            if number == ATTEMPTS - 1:
                raise
            time.sleep(random.uniform(0, min(CAP, BASE * 2**number)))
