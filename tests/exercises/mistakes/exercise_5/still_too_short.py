def run_job(client, name, job):
    token = secrets.token_hex(16)
    if not client.set(f"job:{name}", token, nx=True, ex=10):
        return False
    try:
        job()
    finally:
        client.eval(RELEASE, 1, f"job:{name}", token)
    return True
