def daily_report(client, day, compute):
    cached = client.get(f"report:{day}")
    if cached is not None:
        return cached
    if client.set(f"report:{day}:lock", "locked", nx=True, ex=60):
        report = compute()
        client.set(f"report:{day}", report, ex=3600)
        client.delete(f"report:{day}:lock")
        return report
    time.sleep(0.5)
    return daily_report(client, day, compute)
