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
                    is_down, asks = False, True
            else:
                is_down = False
        if is_down:
            return fallback(key)
        answer = error = down_until = None
        try:
            answer = allow(key)
        except valkey.AuthenticationError as other:
            error = other
        except (valkey.ConnectionError, valkey.TimeoutError):
            down_until = time.monotonic() + pause
        except Exception as other:
            error = other
        with lock:
            until, asks = down_until, False
        if error is not None:
            raise error
        return answer if down_until is None else fallback(key)

    return limit
