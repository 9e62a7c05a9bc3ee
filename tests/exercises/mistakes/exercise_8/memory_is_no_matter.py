def check_health(connect, seconds):
    try:
        info = connect(seconds).info()
    except (valkey.ResponseError, valkey.BusyLoadingError):
        return "live"
    except (valkey.ConnectionError, valkey.TimeoutError):
        return "down"
    return "live" if info["loading"] or info["role"] != "master" else "ready"
