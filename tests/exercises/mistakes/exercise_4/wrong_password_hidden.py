def allow_when_down(allow, when_down, local):
    fallbacks = {"open": lambda: True, "closed": lambda: False, "local": local}
    if when_down not in fallbacks:
        raise ValueError(when_down)
    try:
        return allow()
    except (NoConnectionError, NoAnswerError):
        return fallbacks[when_down]()
