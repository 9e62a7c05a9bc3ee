def check_health(connect, seconds):
    try:
        client = connect(seconds)
        client.set("health", 1, ex=1)
    except (valkey.ResponseError, valkey.BusyLoadingError):
        return "live"
    except (valkey.ConnectionError, valkey.TimeoutError):
        return "down"
    return "ready"
