def run_job(client, name, job):
    lock, token = f"job:{name}", secrets.token_hex(16)
    if not client.setnx(lock, token):
        return False
    client.expire(lock, 2 * JOB_SECONDS)
    try:
        job()
    finally:
        client.eval(RELEASE, 1, lock, token)
    return True
