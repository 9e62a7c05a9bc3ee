def run_job(client, name, job):
    if not client.set(f"job:{name}", "1", nx=True, ex=60):
        return False
    job()
    client.delete(f"job:{name}")
    return True
