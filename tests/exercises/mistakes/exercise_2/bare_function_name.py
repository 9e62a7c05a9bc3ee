def call_key(function, args, kwargs):
    bound = inspect.signature(function).bind(*args, **kwargs)
    bound.apply_defaults()
    arguments = json.dumps([bound.args, bound.kwargs], sort_keys=True)
    return f"{function.__name__}:{arguments}"
