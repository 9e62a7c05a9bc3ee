def allow_when_down(allow, when_down, local):
    try:
        return allow()
    except (NoConnectionError, NoAnswerError):
        if when_down == "open":
            return True
        if when_down == "closed":
            return False
        if when_down == "local":
            return local()
        raise ValueError(when_down)
