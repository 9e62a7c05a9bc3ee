"""Exercise 8: observability. One good solution; others pass too."""

import heapq
import math
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import ContextVar
from typing import Any, NamedTuple

import valkey
from valkey import Valkey

Metrics = dict[tuple[Any, ...], float]
BOUNDS = (0.001, 0.01, 0.1, 1.0, math.inf)
READS = frozenset({"GET", "HGET", "HGETALL", "LRANGE", "ZRANGE"})
OWN = frozenset({"CONFIG", "SLOWLOG", "COMMANDLOG"})
THRESHOLD = "slowlog-log-slower-than"
BATCH = 500  # keys that one SCAN looks at


class Span(NamedTuple):
    """Something that lasted, and within what."""

    id: str
    parent: str | None
    name: str
    seconds: float
    error: str | None


class Scan:
    """All keys of a server, a batch at a time, each with what one command says of it."""

    def __init__(self, client: Valkey, *command: str) -> None:
        self.client, self.command = client, command

    def __iter__(self) -> Iterator[tuple[str, int]]:
        """Yield (key, number); what is gone meanwhile has none, and SCAN may give a key twice."""
        cursor = None
        while cursor != 0:
            cursor, keys = self.client.scan(cursor or 0, count=BATCH)
            pipe = self.client.pipeline(transaction=False)
            for key in keys:
                pipe.execute_command(*self.command, key)
            for key, number in zip(keys, pipe.execute(), strict=True):
                if number is not None:
                    yield key, number

    def largest(self, most: int) -> list[tuple[str, int]]:
        """Return the keys with the largest numbers."""
        return heapq.nlargest(most, dict(self).items(), key=lambda item: item[1])


class Current:
    """The span in whose block we are: each task and thread has its own."""

    span: ContextVar[str | None] = ContextVar("span", default=None)


def sample(client: Valkey) -> dict[str, Any]:
    """Return the server's counters, and since which start they count."""
    info = client.info("everything")
    return {name: info[name] for name in ("run_id", "keyspace_hits", "keyspace_misses")}


def hit_ratio(before: dict[str, Any], after: dict[str, Any]) -> float | None:
    """Return which part of the reads between two samples found their key."""
    names = ("keyspace_hits", "keyspace_misses")
    began_again = before["run_id"] != after["run_id"] or any(after[n] < before[n] for n in names)
    hits, misses = (after[n] - (0 if began_again else before[n]) for n in names)
    return hits / (hits + misses) if hits + misses else None


def measured(
    get: Callable[[Valkey, str], str | None], cache: str, metrics: Metrics
) -> Callable[[Valkey, str], str | None]:
    """Return `get`, each of whose calls is counted."""

    def add(number: float, *series: Any) -> None:
        metrics[series] = metrics.get(series, 0) + number

    def counting(client: Valkey, key: str) -> str | None:
        begun = time.perf_counter()
        try:
            value = get(client, key)
        except Exception as error:
            add(1, "errors", cache, type(error).__name__)  # its text may hold the key
            raise
        else:
            add(1, "misses" if value is None else "hits", cache)
            return value
        finally:
            # Also of what failed: a timeout is the slowest of all.
            seconds = time.perf_counter() - begun
            for bound in BOUNDS:
                if seconds <= bound:
                    add(1, "bucket", cache, bound)
            add(seconds, "seconds", cache)

    return counting


def quantile(metrics: Metrics, caches: Sequence[str], part: float) -> float | None:
    """Return the first bound that at least this part of the calls kept within."""
    if not 0 < part <= 1:
        raise ValueError(f"part: {part!r}; takes a part, above 0 and up to 1")
    # Buckets can be added up; quantiles and averages of several caches cannot.
    counts = [sum(metrics.get(("bucket", cache, b), 0) for cache in caches) for b in BOUNDS]
    calls = counts[-1]
    if not calls:
        return None
    return next(b for b, count in zip(BOUNDS, counts, strict=True) if count / calls >= part)


def slowest(
    client: Valkey, work: Callable[[], Any], *, at_least: int, most: int
) -> list[tuple[str, int]]:
    """Return the slowest commands that the server ran during `work()`."""
    threshold = client.config_get(THRESHOLD)[THRESHOLD]
    last = max((entry["id"] for entry in client.slowlog_get(1)), default=-1)
    client.config_set(THRESHOLD, at_least)
    try:
        work()
    finally:
        client.config_set(THRESHOLD, threshold)
    found = [
        (entry["command"].split()[0].decode().upper(), entry["duration"])
        for entry in client.slowlog_get(-1)
        if entry["id"] > last
    ]
    found = [(name, micros) for name, micros in found if name not in OWN and micros >= at_least]
    return heapq.nlargest(most, found, key=lambda item: item[1])


def big_keys(client: Valkey, most: int) -> list[tuple[str, int]]:
    """Return the keys that take most memory."""
    return Scan(client, "MEMORY USAGE").largest(most)


def hot_keys(client: Valkey, most: int) -> list[tuple[str, int]] | None:
    """Return the keys that are used most, if the server counts that."""
    if not client.config_get("maxmemory-policy")["maxmemory-policy"].endswith("-lfu"):
        return None
    return Scan(client, "OBJECT FREQ").largest(most)


def watch_reads(client: Valkey, work: Callable[[], Any], most: int) -> list[tuple[str, int]]:
    """Return the keys that were read most often during `work()`."""
    reads: Counter[str] = Counter()
    end = uuid.uuid4().hex
    with client.monitor() as monitor:  # a connection of its own, closed at the end
        work()
        client.echo(end)  # the last that it shows: nothing is waited for
        for seen in monitor.listen():
            words = seen["command"].split()
            if end in words:
                break
            if words[0].upper() in READS:
                reads[words[1]] += 1
    return reads.most_common(most)


def check_health(connect: Callable[[float], Valkey], seconds: float) -> str:
    """Return whether a server is down, live or ready."""
    try:
        # One command, so that one timeout is all; a server that loads answers it, too.
        with connect(seconds) as client:
            info = client.info()
    except (valkey.ResponseError, valkey.BusyLoadingError):
        return "live"  # it answers
    except (valkey.ConnectionError, valkey.TimeoutError):
        return "down"
    is_full = 0 < info["maxmemory"] <= info["used_memory"]
    refuses = is_full and info["maxmemory_policy"] == "noeviction"
    return "live" if info["loading"] or info["role"] != "master" or refuses else "ready"


def span(name: str, export: Callable[[Span], Any]) -> AbstractContextManager[None]:
    """Export a span when the block ends."""

    @contextmanager
    def block() -> Iterator[None]:
        own, parent, error = uuid.uuid4().hex, Current.span.get(), None
        token = Current.span.set(own)
        begun = time.perf_counter()
        try:
            yield
        except BaseException as raised:  # a cancelled task's, too
            error = type(raised).__name__  # its text may hold keys and values
            raise
        finally:
            seconds = time.perf_counter() - begun
            Current.span.reset(token)
            with suppress(Exception):  # who looks on must not break what is looked at
                export(Span(own, parent, name, seconds, error))

    return block()


def trace(client: Valkey, export: Callable[[Span], Any]) -> None:
    """Let each command of this client be a span."""
    execute = client.execute_command

    def traced(*words: Any, **options: Any) -> Any:
        with span(str(words[0]).split()[0].upper(), export):
            return execute(*words, **options)

    client.execute_command = traced
