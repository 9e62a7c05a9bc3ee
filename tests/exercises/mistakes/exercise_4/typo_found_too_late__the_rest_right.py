def allow_when_down(allow, when_down, local):
    try:
        return allow()
    except AuthenticationError:
        raise
    except (NoConnectionError, NoAnswerError):
        if when_down == "local":
            return local()
        return when_down == "open"
