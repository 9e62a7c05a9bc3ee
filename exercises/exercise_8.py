"""Exercise 8: observability.

Replace each `raise NotImplementedError` with your code, one task after the other, and
run `make exercise-8` as often as you like: it shows the first task that is not done.
Stuck? `make hint-8`. To read first: docs/observability.md.

`client` is a connected valkey-py client that takes and returns text (`str`), on a server that many
others use: to look must not disturb them. Nothing that you count, report or export holds a value,
and no metric or span a key. The tests move the time: take how long something lasted from
`time.perf_counter()` or `time.monotonic()`, each by this full name, and start no threads.
fakeredis knows no INFO, SLOWLOG, MEMORY, OBJECT or MONITOR: the tests of tasks 1 and 4 to 8 start a
real server of their own.
"""

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from valkey import Valkey

# Tasks 2 and 3: each metric has a name and labels, as in ("hits", "users"), and a number.
Metrics = dict[tuple[Any, ...], float]
BOUNDS = (0.001, 0.01, 0.1, 1.0, math.inf)  # seconds: up to where each bucket counts

READS = frozenset({"GET", "HGET", "HGETALL", "LRANGE", "ZRANGE"})  # task 7: the key comes next


class Span(NamedTuple):
    """Something that lasted, and within what: `parent` is the id of another span, or None.

    No two spans have the same id. `error` is the name of what was raised, as in "TimeoutError".
    """

    id: str
    parent: str | None
    name: str
    seconds: float
    error: str | None


# Task 1: the hit ratio of an interval -------------------------------------------------


def sample(client: Valkey) -> dict[str, Any]:
    """Return what `hit_ratio` needs to know of the server at this moment, and change nothing."""
    raise NotImplementedError


def hit_ratio(before: dict[str, Any], after: dict[str, Any]) -> float | None:
    """Return which part, 0 to 1, of the reads between two samples of a server found their key.

    None if there was no read between them. INFO counts since the server's start: if it was
    started again since the first sample (its run_id is another), or CONFIG RESETSTAT was sent (a
    counter is lower than it was), both counters began again at 0.
    """
    raise NotImplementedError


# Task 2: count the calls --------------------------------------------------------------


def measured(
    get: Callable[[Valkey, str], str | None], cache: str, metrics: Metrics
) -> Callable[[Valkey, str], str | None]:
    """Return a function that does what `get` does, and counts each of its calls in `metrics`.

    `get(client, key)` returns a value, or None if there is none, or raises. So does the function
    that you return. One call may begin while another lasts, and each is counted for itself. It
    adds 1 to one of these; what is not in `metrics` yet counts as 0:

    ("hits", cache), ("misses", cache)
    ("errors", cache, kind): `kind` is the name of the exception's class

    And, however it ended, with how many seconds it took:

    ("bucket", cache, bound): 1 for each of the BOUNDS that it did not exceed, so that each
        bucket holds the ones before it, and the last, which has no bound, all calls
    ("seconds", cache): the seconds

    Others read `metrics`, and store each pair on its own: there are no more than that.
    """
    raise NotImplementedError


# Task 3: read a histogram -------------------------------------------------------------


def quantile(metrics: Metrics, caches: Sequence[str], part: float) -> float | None:
    """Return the first of BOUNDS that at least this part of all calls to the caches kept within.

    `metrics` is what task 2 counts, of several processes added up; a bucket that is not there
    counts as 0. With a part of 0.99, 99 of 100 calls took no longer than what you return, which
    is math.inf if too many exceeded the last bound but that. None if there was no call. Raise
    ValueError for a part that is not above 0 and up to 1: 99 is none, 0.99 is.
    """
    raise NotImplementedError


# Task 4: the slowest commands ---------------------------------------------------------


def slowest(
    client: Valkey, work: Callable[[], Any], *, at_least: int, most: int
) -> list[tuple[str, int]]:
    """Return the `most` slowest of the commands that the server ran, for all, during `work()`.

    Each as (command, microseconds), the slowest first, and of those only that took `at_least`
    microseconds (0: all). The command is its first word, in capitals: no arguments, which hold
    keys and values. CONFIG, SLOWLOG and COMMANDLOG are left out: they are yours.
    The server logs what takes as long as its setting slowlog-log-slower-than (-1: nothing): that
    is as it was when you return, also if `work` raises, or is ended by Ctrl-C, which you pass on.
    The log is everybody's: what was in it stays. It has room for all that comes during `work`.
    """
    raise NotImplementedError


# Task 5: big keys ---------------------------------------------------------------------


def big_keys(client: Valkey, most: int) -> list[tuple[str, int]]:
    """Return the `most` keys that take most memory, each with its bytes, the biggest first.

    There are keys of all types, and bytes of memory compare them (MEMORY USAGE). There are
    millions, and others use them meanwhile: no command and no script looks at all of them, no
    round trip is spent on each, no value is fetched, and a key may be gone when its turn comes. To
    be looked at is no use of a key, for a server that evicts by that.
    """
    raise NotImplementedError


# Task 6: hot keys ---------------------------------------------------------------------


def hot_keys(client: Valkey, most: int) -> list[tuple[str, int]] | None:
    """Return the `most` keys that are used most, each with the server's own count, highest first.

    The server counts uses (OBJECT FREQ) under its policies allkeys-lfu and volatile-lfu. Under
    another nobody knows: return None, and change nothing. For all else see task 5.
    """
    raise NotImplementedError


# Task 7: hot keys, where nobody counts -------------------------------------------------


def watch_reads(client: Valkey, work: Callable[[], Any], most: int) -> list[tuple[str, int]]:
    """Return the `most` keys that were read most often during `work()`, each with how often.

    The most often first. Count those commands of all clients that are among READS; their second
    word is the key, and has no spaces. MONITOR shows all that the server is sent, which costs it
    up to half of its speed: when you return, it is off, also if `work` raises, or is ended by
    Ctrl-C, which you pass on. `work` may send nothing, and others anything, meanwhile and later.
    """
    raise NotImplementedError


# Task 8: live or ready ----------------------------------------------------------------


def check_health(connect: Callable[[float], Valkey], seconds: float) -> str:
    """Return "down", "live" or "ready", after no more than `seconds` in all.

    "down": nothing answers: no connection, or no reply in time. To start it again may help.
    "live": it answers, but takes no writes now. It may do so with an error: a server that loads
        its data says LOADING (valkey.BusyLoadingError) to most commands, one that is busy with a
        script BUSY. Or it is a replica. Or it uses all the memory of its limit, and its policy is
        noeviction; a `maxmemory` of 0 is no limit. To start it again makes it worse.
    "ready": it takes writes. Find out without any: they would be copied to all replicas.

    `connect(seconds)` returns a new client, which waits so long for each reply, then raises
    valkey.TimeoutError; it connects with its first command, which takes no time here.
    """
    raise NotImplementedError


# Task 9: spans ------------------------------------------------------------------------


def span(name: str, export: Callable[[Span], Any]) -> AbstractContextManager[None]:
    """Export one Span of this name when the block of a `with` statement ends, however it ends.

    Its parent is the span in whose block it began, in the same task or thread: several tasks
    of asyncio may each be in one. What the block raises is passed on; what `export` raises hurts
    nobody.
    """
    raise NotImplementedError


# Task 10: a span a command ------------------------------------------------------------


def trace(client: Valkey, export: Callable[[Span], Any]) -> None:
    """Let each command of this client, and of no other, be a span from now on, also if it fails.

    Its name is the command's first word, in capitals, and nothing else of it is exported: its
    other words are keys and values. Pipelines, which send in another way, need no spans.
    """
    raise NotImplementedError
