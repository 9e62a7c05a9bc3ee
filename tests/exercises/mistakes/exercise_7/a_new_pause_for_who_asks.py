def limiter(allow, *, when_down, local, pause):
    fallbacks = {"open": lambda key: True, "closed": lambda key: False, "local": local}
    if when_down not in fallbacks:
        raise ValueError(when_down)
    fallback, lock, until, asks = fallbacks[when_down], threading.Lock(), None, False

    def limit(key):
        nonlocal until, asks
        with lock:
            if until is not None:
                if asks or time.monotonic() < until:
                    is_down = True
                else:
                    is_down, until = False, time.monotonic() + pause
            else:
                is_down = False
        if is_down:
            return fallback(key)
        down_until = None
        try:
            return allow(key)
        except valkey.AuthenticationError:
            raise
        except (valkey.ConnectionError, valkey.TimeoutError):
            down_until = time.monotonic() + pause
        finally:
            with lock:
                until, asks = down_until, False
        return fallback(key)

    return limit
