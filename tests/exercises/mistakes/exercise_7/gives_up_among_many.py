def reserve(client, product, order):
    stock = f"stock:{{{product}}}"
    mark = f"{stock}:{order}"
    for number in range(ATTEMPTS):
        try:
            with client.pipeline() as pipe:
                pipe.watch(stock, mark)
                if pipe.exists(mark):
                    return True
                if int(pipe.get(stock) or 0) < 1:
                    return False
                pipe.multi()
                pipe.decr(stock)
                pipe.set(mark, "", ex=DAY)
                pipe.execute()
                return True
        except valkey.WatchError:
            continue
        except valkey.AuthenticationError:
            raise
        except (valkey.ConnectionError, valkey.TimeoutError):
            if number == ATTEMPTS - 1:
                raise
            time.sleep(random.uniform(0, min(CAP, BASE * 2**number)))
    return False
