def with_retries(call, *, attempts, base, cap, dice):
    if attempts < 1:
        raise ValueError(attempts)
    for number in range(attempts):
        try:
            return call()
        except valkey.AuthenticationError:
            raise
        except (valkey.ConnectionError, valkey.TimeoutError):
            if number == attempts - 1:
                raise
            time.sleep(dice() * min(cap, base * 2 ** min(number, 5)))
