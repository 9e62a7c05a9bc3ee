def run_job(client, name, job):
    lock, token = f"job:{name}", secrets.token_hex(16)
    if not client.set(lock, token, nx=True, ex=2 * JOB_SECONDS):
        return False
    was_mine = True
    try:
        job()
    finally:
        was_mine = bool(client.eval(RELEASE, 1, lock, token))
    if not was_mine:
        raise LeaseLostError(name)
    return True
