def run_job(client, name, job):
    token = secrets.token_hex(16)
    if not client.set(f"job:{name}", token, nx=True, ex=60):
        return False
    try:
        job()
    finally:
        if client.get(f"job:{name}") == token:
            client.delete(f"job:{name}")
    return True
