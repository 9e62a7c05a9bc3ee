def check_health(connect, seconds):
    try:
        info = connect(seconds).info()
    except valkey.ValkeyError:
        return "down"
    is_full = 0 < info["maxmemory"] <= info["used_memory"]
    refuses = is_full and info["maxmemory_policy"] == "noeviction"
    return "live" if info["loading"] or info["role"] != "master" or refuses else "ready"
