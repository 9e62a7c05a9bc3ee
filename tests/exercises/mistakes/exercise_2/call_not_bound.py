def call_key(function, args, kwargs):
    arguments = json.dumps([args, kwargs], sort_keys=True)
    return f"{function.__module__}.{function.__qualname__}:{arguments}"
