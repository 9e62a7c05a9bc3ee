def call_key(function, args, kwargs):
    bound = inspect.signature(function).bind(*args, **kwargs)
    bound.apply_defaults()
    arguments = (bound.args, sorted(bound.kwargs.items()))
    return f"{function.__module__}.{function.__qualname__}:{arguments!r}"
