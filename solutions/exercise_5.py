"""Exercise 5: locks. One good solution; others pass too."""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from valkey import Valkey

PAUSE = 0.1  # seconds between two looks of somebody who waits
JOB_SECONDS = 30  # that a job of task 7 takes at most
CLAIM_SECONDS = 300  # that a claim of task 8 lasts

# KEYS: a lock. ARGV: a token. To compare and to delete is one step.
RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""
# KEYS: a lock. ARGV: a token, milliseconds.
EXTEND = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0
"""
# KEYS: a lock, its last fence. ARGV: a token, milliseconds. Returns the fence, 0 if taken.
FENCED = """
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 0 end
return redis.call('INCR', KEYS[2])
"""
# KEYS: the resource. ARGV: a fence, a text. Numbers, since '10' < '9' as text.
SAVE = """
if tonumber(redis.call('HGET', KEYS[1], 'fence') or 0) >= tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'fence', ARGV[1], 'text', ARGV[2])
return 1
"""


class LockTakenError(Exception):
    """Somebody else has the lock."""


class LeaseLostError(Exception):
    """The lock ended before the work did."""


class _Lock:
    """What tasks 1 to 6 have in common: a key that holds the token of who has the lock."""

    def __init__(self, client: Valkey, name: str) -> None:
        self._client, self._key = client, f"lock:{{{name}}}"

    def take(self, seconds: float) -> str | None:
        token = secrets.token_hex(16)
        # One command: who dies after it leaves a lock that ends.
        is_mine = self._client.set(self._key, token, nx=True, px=int(seconds * 1000))
        return token if is_mine else None

    def take_fenced(self, seconds: float) -> tuple[str, int] | None:
        token, keys = secrets.token_hex(16), (self._key, f"{self._key}:fence")
        # In one step with the lock: a fence that is drawn later may be over the next holder's.
        fence = int(self._client.eval(FENCED, 2, *keys, token, int(seconds * 1000)))
        return (token, fence) if fence else None

    def free(self, token: str) -> bool:
        return bool(self._client.eval(RELEASE, 1, self._key, token))

    def extend(self, token: str, seconds: float) -> bool:
        return bool(self._client.eval(EXTEND, 1, self._key, token, int(seconds * 1000)))


def acquire(client: Valkey, name: str, seconds: float) -> str | None:
    """Take the lock; None if somebody has it."""
    return _Lock(client, name).take(seconds)


def release(client: Valkey, name: str, token: str) -> bool:
    """Free the lock if it is still held under this token."""
    return _Lock(client, name).free(token)


@contextmanager
def held(client: Valkey, name: str, seconds: float) -> Iterator[str]:
    """Hold the lock while a `with` block runs."""
    lock = _Lock(client, name)
    token = lock.take(seconds)
    if token is None:
        raise LockTakenError(name)
    was_mine = True
    try:
        yield token
    finally:
        was_mine = lock.free(token)
    if not was_mine:  # not in `finally`: the block's own error says more
        raise LeaseLostError(name)


def acquire_within(client: Valkey, name: str, seconds: float, patience: float) -> str | None:
    """Take the lock as soon as it is free, or give up."""
    lock = _Lock(client, name)
    until = time.monotonic() + patience
    while (token := lock.take(seconds)) is None:
        left = until - time.monotonic()
        if left <= 0:
            return None
        time.sleep(min(PAUSE, left))
    return token


def extend(client: Valkey, name: str, token: str, seconds: float) -> bool:
    """Let the lock end `seconds` from now, if it is held under this token."""
    return _Lock(client, name).extend(token, seconds)


def acquire_fenced(client: Valkey, name: str, seconds: float) -> tuple[str, int] | None:
    """Take the lock, with a fence."""
    return _Lock(client, name).take_fenced(seconds)


def save(client: Valkey, key: str, fence: int, text: str) -> bool:
    """Write the text if the fence is over that of the last write."""
    return bool(client.eval(SAVE, 1, key, fence, text))


def compute_and_save(
    client: Valkey, name: str, key: str, seconds: float, compute: Callable[[], str]
) -> bool:
    """Take the lock, compute, and save."""
    lock = _Lock(client, name)
    taken = lock.take_fenced(seconds)
    if taken is None:
        return False
    token, fence = taken
    try:
        # Whether the lock is still held is not asked: it may end right after the answer.
        return bool(client.eval(SAVE, 1, key, fence, compute()))
    finally:
        lock.free(token)


def run_job(client: Valkey, name: str, job: Callable[[], None]) -> bool:
    """Run a job, unless another machine runs it."""
    # The faults: a lock of 10 s for work of 30; a token that all have in common, and a plain
    # DEL, so that who comes late frees the lock of the next; no `finally`.
    lock, token = f"job:{name}", secrets.token_hex(16)
    if not client.set(lock, token, nx=True, ex=2 * JOB_SECONDS):
        return False
    try:
        job()
    finally:
        client.eval(RELEASE, 1, lock, token)
    return True


def claim(client: Valkey, order: str, worker: str) -> bool:
    """Claim an order for a worker."""
    # The fault: who dies between SETNX and EXPIRE has it for ever. SET takes both.
    key = f"order:{order}"
    if client.set(key, worker, nx=True, ex=CLAIM_SECONDS):
        return True
    return bool(client.get(key) == worker)
