def run_job(client, name, job):
    lock, token = f"job:{name}", secrets.token_hex(16)
    if not client.set(lock, token, nx=True, ex=2 * JOB_SECONDS):
        return False
    try:
        job()
    except Exception:
        return False
    finally:
        client.eval(RELEASE, 1, lock, token)
    return True
