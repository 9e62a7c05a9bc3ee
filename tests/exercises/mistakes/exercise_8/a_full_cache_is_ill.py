def check_health(connect, seconds):
    try:
        info = connect(seconds).info()
    except (valkey.ResponseError, valkey.BusyLoadingError):
        return "live"
    except (valkey.ConnectionError, valkey.TimeoutError):
        return "down"
    refuses = 0 < 0.9 * info["maxmemory"] <= info["used_memory"]
    return "live" if info["loading"] or info["role"] != "master" or refuses else "ready"
