import uuid

from valkey import WatchError


def acquire(client, name, seconds):
    token = str(uuid.uuid4())
    if client.set(name, token, nx=True, px=round(seconds * 1000)):
        return token


def release(client, name, token):
    with client.pipeline() as pipe:
        while True:
            try:
                pipe.watch(name)
                if pipe.get(name) != token:
                    return False
                pipe.multi()
                pipe.delete(name)
                pipe.execute()
                return True
            except WatchError:
                continue


class held:
    def __init__(self, client, name, seconds):
        self.arguments = client, name, seconds

    def __enter__(self):
        self.token = acquire(*self.arguments)
        if not self.token:
            raise LockTakenError
        return self.token

    def __exit__(self, kind, error, trace):
        client, name, _ = self.arguments
        if not release(client, name, self.token) and error is None:
            raise LeaseLostError


def acquire_within(client, name, seconds, patience):
    deadline = time.monotonic() + patience
    while True:
        token = acquire(client, name, seconds)
        if token or time.monotonic() + PAUSE > deadline:
            return token
        time.sleep(PAUSE)


def extend(client, name, token, seconds):
    with client.pipeline() as pipe:
        while True:
            try:
                pipe.watch(name)
                if pipe.get(name) != token:
                    return False
                pipe.multi()
                pipe.pexpire(name, round(seconds * 1000))
                return bool(pipe.execute()[0])
            except WatchError:
                continue


def acquire_fenced(client, name, seconds):
    # The number is kept in the hash tag's slot; only who gets the lock raises it.
    fence = "{" + name + "}:number"
    with client.pipeline() as pipe:
        while True:
            try:
                pipe.watch(name, fence)
                if pipe.exists(name):
                    return None
                token = str(uuid.uuid4())
                pipe.multi()
                pipe.set(name, token, px=round(seconds * 1000))
                pipe.incr(fence)
                return token, pipe.execute()[1]
            except WatchError:
                continue


def save(client, key, fence, text):
    with client.pipeline() as pipe:
        while True:
            try:
                pipe.watch(key)
                last = pipe.hget(key, "fence")
                if last is not None and int(last) >= fence:
                    return False
                pipe.multi()
                pipe.hset(key, mapping={"fence": fence, "text": text})
                pipe.execute()
                return True
            except WatchError:
                continue


def compute_and_save(client, name, key, seconds, compute):
    taken = acquire_fenced(client, name, seconds)
    if not taken:
        return False
    try:
        return save(client, key, taken[1], compute())
    finally:
        release(client, name, taken[0])


def run_job(client, name, job):
    # Entered by hand: a LockTakenError of the job's own is not this lock's.
    lock = held(client, f"job:{name}", 45)
    try:
        lock.__enter__()
    except LockTakenError:
        return False
    try:
        job()
    finally:
        release(client, f"job:{name}", lock.token)
    return True


def claim(client, order, worker):
    pipe = client.pipeline(transaction=True)
    pipe.set(f"order:{order}", worker, nx=True, ex=CLAIM_SECONDS)
    pipe.get(f"order:{order}")
    return pipe.execute()[1] == worker
