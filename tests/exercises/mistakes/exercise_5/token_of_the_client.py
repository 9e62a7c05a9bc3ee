import os


def acquire(client, name, seconds):
    token = f"{os.getpid()}-{id(client)}"
    return token if client.set(f"lock:{{{name}}}", token, nx=True, px=int(seconds * 1000)) else None
