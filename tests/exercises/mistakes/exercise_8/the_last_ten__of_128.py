def slowest(client, work, *, at_least, most):
    threshold = client.config_get(THRESHOLD)[THRESHOLD]
    last = max((entry["id"] for entry in client.slowlog_get(1)), default=-1)
    client.config_set(THRESHOLD, at_least)
    try:
        work()
    finally:
        client.config_set(THRESHOLD, threshold)
    found = [
        (entry["command"].split()[0].decode().upper(), entry["duration"])
        for entry in client.slowlog_get(128)
        if entry["id"] > last
    ]
    found = [one for one in found if one[0] not in OWN and one[1] >= at_least]
    return heapq.nlargest(most, found, key=lambda item: item[1])
