def check_health(connect, seconds):
    try:
        client = connect(seconds)
        pipe = client.pipeline(transaction=False)
        pipe.ping()
        pipe.info()
        info = pipe.execute()[1]
    except valkey.ResponseError:
        return "live"
    except (valkey.ConnectionError, valkey.TimeoutError):
        return "down"
    is_full = 0 < info["maxmemory"] <= info["used_memory"]
    refuses = is_full and info["maxmemory_policy"] == "noeviction"
    return "live" if info["loading"] or info["role"] != "master" or refuses else "ready"
