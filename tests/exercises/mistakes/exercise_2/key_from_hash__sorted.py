def call_key(function, args, kwargs):
    bound = inspect.signature(function).bind(*args, **kwargs)
    bound.apply_defaults()
    arguments = json.dumps(list(bound.arguments.values()), sort_keys=True)
    return f"{function.__module__}.{function.__qualname__}:{hash(arguments)}"
