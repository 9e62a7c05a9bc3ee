def check_health(connect, seconds):
    try:
        info = connect(seconds).info()
    except (valkey.ResponseError, valkey.BusyLoadingError):
        return "live"
    except valkey.ConnectionError:
        return "down"
    is_full = 0 < info["maxmemory"] <= info["used_memory"]
    refuses = is_full and info["maxmemory_policy"] == "noeviction"
    return "live" if info["loading"] or info["role"] != "master" or refuses else "ready"
