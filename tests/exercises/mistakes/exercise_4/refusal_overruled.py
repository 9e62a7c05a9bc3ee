def allow_when_down(allow, when_down, local):
    if when_down not in {"open", "closed", "local"}:
        raise ValueError(when_down)
    try:
        is_allowed = allow()
    except (NoConnectionError, NoAnswerError):
        is_allowed = None
    if is_allowed:
        return True
    return {"open": lambda: True, "closed": lambda: False, "local": local}[when_down]()
