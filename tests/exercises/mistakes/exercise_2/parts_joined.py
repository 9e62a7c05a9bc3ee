def call_key(function, args, kwargs):
    bound = inspect.signature(function).bind(*args, **kwargs)
    bound.apply_defaults()
    parts = [*bound.args, *(part for pair in sorted(bound.kwargs.items()) for part in pair)]
    return ":".join([function.__module__, function.__qualname__, *map(str, parts)])
