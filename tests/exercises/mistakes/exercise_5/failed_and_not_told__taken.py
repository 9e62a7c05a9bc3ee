def run_job(client, name, job):
    try:
        with held(client, f"job:{name}", 2 * JOB_SECONDS):
            job()
    except LockTakenError:
        return False
    except LeaseLostError:
        return True
    return True
