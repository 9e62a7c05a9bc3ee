def daily_report(client, day, compute):
    until = time.monotonic() + 30
    while time.monotonic() < until:
        cached = client.get(f"report:{day}")
        if cached is not None:
            return cached
        if client.set(f"report:{day}:lock", "locked", nx=True, ex=60):
            try:
                report = compute()
                client.set(f"report:{day}", report, ex=3600)
                return report
            finally:
                client.delete(f"report:{day}:lock")
        time.sleep(0.5)
    return compute()
