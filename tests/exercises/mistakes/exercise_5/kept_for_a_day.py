def run_job(client, name, job):
    lock, token = f"job:{name}", secrets.token_hex(16)
    if not client.set(lock, token, nx=True, ex=86400):
        return False
    try:
        job()
    finally:
        client.eval(RELEASE, 1, lock, token)
    return True
