import random


def acquire(client, name, seconds):
    token = f"{random.getrandbits(128):032x}"
    return token if client.set(f"lock:{{{name}}}", token, nx=True, px=int(seconds * 1000)) else None
