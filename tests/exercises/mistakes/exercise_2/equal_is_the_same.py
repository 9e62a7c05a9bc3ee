def call_key(function, args, kwargs):
    def plain(value):
        if isinstance(value, dict):
            return {name: plain(item) for name, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [plain(item) for item in value]
        return int(value) if isinstance(value, float) and value.is_integer() else value

    bound = inspect.signature(function).bind(*args, **kwargs)
    bound.apply_defaults()
    arguments = json.dumps(plain(dict(bound.arguments)), sort_keys=True)
    return f"{function.__module__}.{function.__qualname__}:{arguments}"
