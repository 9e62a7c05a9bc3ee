def daily_report(client, day, compute):
    key, lock, token = f"report:{day}", f"report:{day}:lock", uuid.uuid4().hex
    until = time.monotonic() + REPORT_PATIENCE
    while (cached := client.get(key)) is None:
        if client.set(lock, token, nx=True, ex=LEASE_SECONDS):
            try:
                report = client.get(key)
                if report is None:
                    report = compute()
                    client.set(key, report, ex=3600)
                return str(report)
            finally:
                client.eval(RELEASE, 1, lock, token)
        if time.monotonic() >= until:
            return None
        time.sleep(PAUSE)
    return str(cached)
