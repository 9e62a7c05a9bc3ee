def limiter(allow, *, when_down, local, pause):
    fallbacks = {"open": lambda key: True, "closed": lambda key: False, "local": local}
    if when_down not in fallbacks:
        raise ValueError(when_down)
    fallback, lock, until, asks = fallbacks[when_down], threading.Lock(), {}, set()

    def limit(key):
        with lock:
            if key in until:
                if key in asks or time.monotonic() < until[key]:
                    is_down = True
                else:
                    is_down = False
                    asks.add(key)
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
                asks.discard(key)
                until.pop(key, None)
                if down_until is not None:
                    until[key] = down_until
        return fallback(key)

    return limit
