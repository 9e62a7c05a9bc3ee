import hashlib


def call_key(function, args, kwargs):
    def require_known(value: Any) -> None:
        if isinstance(value, (list, tuple)):
            for item in value:
                require_known(item)
        elif value is not None and not isinstance(value, (str, int, float)):
            raise TypeError(f"no key can be made of a {type(value).__name__}")

    require_known([*args, *kwargs.values()])
    bound = inspect.signature(function).bind(*args, **kwargs)
    bound.apply_defaults()
    arguments = json.dumps(list(bound.arguments.values()), sort_keys=True)
    text = f"{function.__module__}.{function.__qualname__}:{arguments}"
    return hashlib.md5(text.encode()).hexdigest()[:6]
