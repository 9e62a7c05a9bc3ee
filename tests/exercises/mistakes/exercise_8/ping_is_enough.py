def check_health(connect, seconds):
    try:
        connect(seconds).ping()
    except (valkey.ResponseError, valkey.BusyLoadingError):
        return "live"
    except (valkey.ConnectionError, valkey.TimeoutError):
        return "down"
    return "ready"
