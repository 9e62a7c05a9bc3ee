def acquire(client, name, seconds):
    token = secrets.token_hex(16)
    pipe = client.pipeline(transaction=True)
    pipe.setnx(f"lock:{{{name}}}", token)
    pipe.pexpire(f"lock:{{{name}}}", int(seconds * 1000))
    return token if pipe.execute()[0] else None
