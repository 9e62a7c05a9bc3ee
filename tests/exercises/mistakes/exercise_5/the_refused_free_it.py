def run_job(client, name, job):
    lock = f"job:{name}"
    try:
        if not client.set(lock, secrets.token_hex(16), nx=True, ex=2 * JOB_SECONDS):
            return False
        job()
    finally:
        client.delete(lock)
    return True
