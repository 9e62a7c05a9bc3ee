def call_key(function, args, kwargs):
    return f"{function.__module__}.{function.__qualname__}:{args!r}:{kwargs!r}"
