"""Exercise 5: locks.

Replace each `raise NotImplementedError` with your code, one task after the other, and
run `make exercise-5` as often as you like: it shows the first task that is not done.
Stuck? `make hint-5`. To read first: docs/locks.md.

`client` is a connected valkey-py client that takes and returns text (`str`). `name` names
the lock; you choose the keys' names, except where a task gives you the key. Times are in
seconds, also in parts of one, and above 0. Many clients run your functions at the same
time. Any of them may die between two commands, or stop there for as long as it takes, and
go on: a lock therefore ends by itself, and its holder may be the last to know. No key lives
for ever, but for the fences, and what `save` writes. The tests move the time: take it from
`time.monotonic()`, wait with `time.sleep()`, each by this full name, and start no threads.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager

from valkey import Valkey

PAUSE = 0.1  # seconds between two looks of somebody who waits
JOB_SECONDS = 30  # that a job of task 7 takes at most
CLAIM_SECONDS = 300  # that a claim of task 8 lasts


class LockTakenError(Exception):
    """Somebody else has the lock."""


class LeaseLostError(Exception):
    """The lock ended before the work did: somebody else may have worked at the same time."""


# Task 1: take a lock, and free it -----------------------------------------------------


def acquire(client: Valkey, name: str, seconds: float) -> str | None:
    """Take the lock for `seconds`, and return a token; None, at once, if somebody has it.

    The token is what proves that you took it: no two acquisitions ever have the same, also
    not two of one client, or two at one moment, and nobody can guess it, who has seen others
    neither. The server holds it as it is. Who does not get the lock changes nothing.
    """
    raise NotImplementedError


def release(client: Valkey, name: str, token: str) -> bool:
    """Free the lock if it is still held under this token, and return whether it was.

    If it has ended, or is another's by now, leave it alone. Your own program may extend it
    at the same moment: then it is still yours.
    """
    raise NotImplementedError


# Task 2: a lock that is always freed --------------------------------------------------


def held(client: Valkey, name: str, seconds: float) -> AbstractContextManager[str]:
    """Hold the lock while the block of a `with` statement runs; `as` gives the token.

    Raise LockTakenError at once, and do not run the block, if somebody has it. However the
    block ends, also by an error, the lock is free afterwards; the error, of whatever kind, is
    passed on. If the block comes to a good end, and the lock was no longer held by then, for
    whatever reason, raise LeaseLostError: its work may not be relied on. (`@contextlib.contextmanager` makes this of a generator.)
    """
    raise NotImplementedError


# Task 3: wait for a lock, but not for ever --------------------------------------------


def acquire_within(client: Valkey, name: str, seconds: float, patience: float) -> str | None:
    """Take the lock as soon as it is free, for `seconds`; return a token as in task 1.

    Try at once, and then every PAUSE. Return None when `patience` seconds have passed, give
    or take a PAUSE and the last answer, however long each answer takes, and whatever the
    clock on the wall is set to. A patience of 0 tries once.
    """
    raise NotImplementedError


# Task 4: hold it longer ---------------------------------------------------------------


def extend(client: Valkey, name: str, token: str, seconds: float) -> bool:
    """Let the lock end `seconds` from now, if it is held under this token; return whether it is.

    It may end sooner then than it did. At no moment can somebody else take it. If it has
    ended, or is another's by now, change nothing: what is lost stays lost.
    """
    raise NotImplementedError


# Task 5: a number that tells the newer holder -----------------------------------------


def acquire_fenced(client: Valkey, name: str, seconds: float) -> tuple[str, int] | None:
    """Take the lock as in task 1, and return its token and its fence; None if it is taken.

    It is the lock of the other tasks: release() and extend() take its token. The fence is
    a number over that of every acquisition before, by whomever, however each of them ended,
    and whatever the clocks of their machines say.
    """
    raise NotImplementedError


def save(client: Valkey, key: str, fence: int, text: str) -> bool:
    """Write `text` if the fence is over that of the last write; return whether it was written.

    This is the resource that the lock protects: a hash under `key` with the fields `text`
    and `fence`. It trusts no holder, only the fence: a smaller one belongs to somebody whose
    lock has ended, and who does not know, perhaps for very long. Each fence is good for one
    write. Fences have up to 16 digits; a text may be empty.
    """
    raise NotImplementedError


# Task 6: all of it --------------------------------------------------------------------


def compute_and_save(
    client: Valkey, name: str, key: str, seconds: float, compute: Callable[[], str]
) -> bool:
    """Take the lock, call `compute()`, and save what it returns; return whether it was saved.

    Return False at once, without a call, if somebody has the lock `name`. `compute` is called
    once; it may read under `key`, and nobody else gets the lock until you have saved. It may
    take longer than `seconds`: what somebody has saved who took the lock after you is never
    overwritten, and you return False. If `compute` raises, whatever it is, so does this. Your
    lock is free in any case.
    """
    raise NotImplementedError


# Task 7: review this code -------------------------------------------------------------
# This is how many programs see to it that a job runs once. Find what is wrong, and mend it.


def run_job(client: Valkey, name: str, job: Callable[[], None]) -> bool:
    """Run `job()`, unless another machine runs it; return whether it was run.

    A job takes JOB_SECONDS at most; one that fails raises, whatever it is, and may be run
    again at once. A machine that dies keeps the job from the others for some minutes at most.
    One that sleeps in the middle of it loses its lock, but has run the job.
    """
    if not client.set(f"job:{name}", "1", nx=True, ex=10):
        return False
    job()
    client.delete(f"job:{name}")
    return True


# Task 8: review this code -------------------------------------------------------------
# And this is how an order finds its worker, in a book.


def claim(client: Valkey, order: str, worker: str) -> bool:
    """Claim an order for a worker, for CLAIM_SECONDS; return whether nobody else has.

    A worker who has it is told True, and has it no longer for that: perhaps it asks again
    since the answer was lost.
    """
    if client.setnx(f"order:{order}", worker):
        client.expire(f"order:{order}", CLAIM_SECONDS)
        return True
    return bool(client.get(f"order:{order}") == worker)
