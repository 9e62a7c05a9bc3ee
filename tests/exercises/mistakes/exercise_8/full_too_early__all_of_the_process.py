def check_health(connect, seconds):
    try:
        with connect(seconds) as client:
            info = client.info()
    except (valkey.ResponseError, valkey.BusyLoadingError):
        return "live"
    except (valkey.ConnectionError, valkey.TimeoutError):
        return "down"
    is_full = 0 < info["maxmemory"] <= info["used_memory_rss"]
    refuses = is_full and info["maxmemory_policy"] == "noeviction"
    return "live" if info["loading"] or info["role"] != "master" or refuses else "ready"
