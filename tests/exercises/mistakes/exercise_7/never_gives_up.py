import itertools


def with_retries(call, *, attempts, base, cap, dice):
    if attempts < 1:
        raise ValueError(attempts)
    for number in itertools.count():
        try:
            return call()
        except valkey.AuthenticationError:
            raise
        except (valkey.ConnectionError, valkey.TimeoutError):
            time.sleep(dice() * min(cap, base * 2 ** min(number, 50)))
