def check_health(connect, seconds):
    for last in (False, True):
        try:
            info = connect(seconds).info()
            break
        except (valkey.ResponseError, valkey.BusyLoadingError):
            return "live"
        except (valkey.ConnectionError, valkey.TimeoutError):
            if last:
                return "down"
    is_full = 0 < info["maxmemory"] <= info["used_memory"]
    refuses = is_full and info["maxmemory_policy"] == "noeviction"
    return "live" if info["loading"] or info["role"] != "master" or refuses else "ready"
