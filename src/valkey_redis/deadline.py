"""How long what is going on may still take: a deadline that nested calls inherit, and only shrink.

A request that its user has given up must not go on costing: each call gets what is left of the
time, not a timeout of its own. It is a context variable: `asyncio` hands it on to tasks and to
`asyncio.to_thread`; a thread of one's own begins without.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from valkey_redis.errors import DeadlineExceededError, InvalidArgumentError

T = TypeVar("T")
ENDS: ContextVar[float | None] = ContextVar("ENDS", default=None)


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Let the block, and all that it calls, take so many seconds, or less if less is left already.

    It interrupts nothing: the clients of this package wait for no reply longer than is left, and
    then raise DeadlineExceededError; other code asks `remaining`. That opens no breaker: the
    clients' own `timeout` does, and so should be the shorter one. Raises InvalidArgumentError for
    what is no number of 0 or more.
    """
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not seconds >= 0:
        raise InvalidArgumentError(f"seconds={seconds!r:.40}: takes a number, 0 or more")
    ends, outer = time.monotonic() + seconds, ENDS.get()
    mark = ENDS.set(ends if outer is None else min(ends, outer))
    try:
        yield
    finally:
        ENDS.reset(mark)


@contextmanager
def unbounded() -> Iterator[None]:
    """Let what the block begins have all the time: it outlives its caller, and serves others too."""
    mark = ENDS.set(None)
    try:
        yield
    finally:
        ENDS.reset(mark)


def remaining() -> float | None:
    """Return the seconds that are left, 0.0 if none are; None without a deadline."""
    ends = ENDS.get()
    return None if ends is None else max(ends - time.monotonic(), 0.0)


def shorter(seconds: float | None) -> float | None:
    """Return how long to wait for something: so long, or what is left; None for as long as it takes."""
    left = remaining()
    if left is None:
        return seconds
    return min(left, math.inf if seconds is None else seconds)


def check() -> None:
    """Raise DeadlineExceededError if no time is left."""
    if remaining() == 0.0:
        raise DeadlineExceededError("the deadline is over")


async def within(work: Awaitable[T]) -> T:
    """Await the work; raise DeadlineExceededError, and cancel it, when no time is left."""
    if ENDS.get() is None:
        return await work
    try:
        async with asyncio.timeout(remaining()) as limit:
            return await work
    except TimeoutError as error:
        if limit.expired():
            raise DeadlineExceededError("the deadline is over") from error
        raise
