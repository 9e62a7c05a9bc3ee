"""Explorations of the cache: every interleaving of its callers, with a database beside it."""

import math
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator, Sequence
from functools import partial
from typing import Any
from unittest import mock

from tests.support.cachefaces import AwaitedCache

from valkey_redis import AsyncCache, AsyncValkeyClient, Cache, ValkeyClient, ValkeyConfig, connect
from valkey_redis.looking import Pause
from valkey_redis.scripts import load
from workshop.clock import START
from workshop.interleave import explore, step
from workshop.lab import Lab
from workshop.recorder import Recorder, recording
from workshop.schedule import End, Explored

NEVER_RENEWED = 10**12  # milliseconds
DAY = 86_400  # seconds
SCRIPTS = ("lease", "fill", "renew")
GAVE_UP = "gave up"


class Database:
    """A row, whose every read and write is a step that others may come between.

    What it holds is how often it was written. `told` is the last write that the cache has been
    told of too: no reader may get what was there before.
    """

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Hold a row that was never written, and no loads."""
        self.row = self.told = self.loads = self.loading = 0
        self.overlapped = math.inf  # seconds after the beginning, of the first two loads at a time

    def load(self) -> int:
        """Return the row, by a load with a beginning and an end."""
        self.loads += 1
        self.loading += 1
        if self.loading > 1:
            self.overlapped = min(self.overlapped, time.time() - START)
        row: int = step("database: read", lambda: self.row)
        step("the load ends", self._end)
        return row

    def write(self) -> int:
        """Write the row, and return what it holds."""
        row: int = step("database: write", self._write)
        return row

    def tell(self, row: int) -> None:
        """Note that the cache has been told."""
        self.told = max(self.told, row)

    def state(self) -> tuple[float, ...]:
        """Return all that differs from one moment to another."""
        return self.row, self.told, self.loads, self.loading, self.overlapped

    def _write(self) -> int:
        self.row += 1
        return self.row

    def _end(self) -> None:
        self.loading -= 1


# Who acts ----------------------------------------------------------------------------------

Operation = Callable[[AwaitedCache, Database], Awaitable[Any]]


class GaveUpError(Exception):
    """It would have to wait for another's load."""


class Impatient(Cache):
    """A cache whose callers do not wait for another's load, so that a live server may serve.

    Its leases last in the real time, and the waits of an exploration take none of it.
    """

    def _run(self, steps: Any, load: Any = None) -> Any:
        return super()._run(_until_a_pause(steps), load)


def _until_a_pause(steps: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    go_on: Callable[[], Any] = partial(next, steps)
    while True:
        try:
            made = go_on()
        except StopIteration as end:
            return end.value
        if isinstance(made, Pause):
            raise GaveUpError
        try:
            go_on = partial(steps.send, (yield made))
        except BaseException as error:  # noqa: BLE001 - the steps judge it
            go_on = partial(steps.throw, error)


def cache_over(raw: Any, face: str, **settings: Any) -> AwaitedCache:
    """Return a cache over an actor's client, with nothing left to chance or to the real time."""
    settings = {"jitter": 0, "beta": 0, "ttl": DAY} | settings
    own: Cache | AsyncCache
    if face == "async":
        own = AsyncCache(AsyncValkeyClient(raw=raw), **settings)
    else:
        kind = Impatient if face == "impatient" else Cache
        own = kind(ValkeyClient(raw=raw), **settings)
    # The watchdog lives in real time, an exploration does not: its actors may be paused for
    # longer than a lease, and nobody renews it. That is the worst case.
    own._lease = NEVER_RENEWED
    return AwaitedCache(own)


def actor_of(
    operation: Operation, database: Database, face: str, **settings: Any
) -> Callable[[Any], Any]:
    """Return an actor that does the operation with a cache of that face."""
    if face == "async":

        async def act(raw: Any) -> Any:
            return await operation(cache_over(raw, face, **settings), database)

        return act
    return lambda raw: finish(operation(cache_over(raw, face, **settings), database))


def finish(made: Any) -> Any:
    """Run a coroutine that has nothing to wait for."""
    coroutine: Coroutine[Any, Any, Any] = made
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    except GaveUpError:
        return GAVE_UP
    raise AssertionError("it waits")


# What is explored --------------------------------------------------------------------------


def explore_cache(
    lab: Lab,
    operations: Sequence[Operation],
    check: Callable[[End, Database], Any] = lambda *_: None,
    *,
    face: str = "impatient",
    before: Callable[[Cache, Any], Any] = lambda *_: None,
    crashes: bool = False,
    **settings: Any,
) -> Explored:
    """Run every interleaving; `before(cache, server)` prepares, `check` and `holds` judge each end."""
    database = Database()
    raw = lab.connect("", None)
    observer = cache_over(raw, "sync", **settings).own
    assert isinstance(observer, Cache)
    own: Cache = observer

    def setup(server: Any) -> None:
        database.begin()
        before(own, server)

    def judge(end: End) -> None:
        holds(lab, database, own)
        check(end, database)

    for name in SCRIPTS:  # else the first schedule has more steps than the others
        raw.script_load(load(name).source)
    actors = [actor_of(operation, database, face, **settings) for operation in operations]

    def steady() -> float:
        return time.monotonic()  # the exploration's, which is another than now

    # The cost of a load is measured; where time is virtual it must be nothing.
    with mock.patch("time.perf_counter", steady):
        explored = explore(setup, actors, judge, crashes=crashes, lab=lab, outside=database.state)
    own.client.close()
    return explored


def holds(lab: Lab, database: Database, cache: Cache) -> None:
    """Assert that nobody can read what is older than the cache was told, and that all keys expire."""
    assert lab.keys_without_expiry() == [], f"never expire: {lab.keys_without_expiry()}"
    found = cache._look(cache._keys.entry("k"), cache._terms)
    if found is not None and found.fresh_for > -cache._terms.stale_ttl:
        assert database.told <= found.value <= database.row, (
            f"the cache says {found.value}, though it was told of {database.told}"
        )


def let_be_fresh_for(server: Any, entry: str, seconds: float) -> None:
    """Write into the header until when the entry is fresh, in the exploration's time."""
    server.setrange(entry, 5, f"{(START + seconds) * 1000:013.0f}")


def of_bytes(lab: Lab) -> Lab:
    """Return the lab, its actors' clients without decoding: a cached value is bytes."""
    lab.connect = partial(lab.connect, decode=False)
    return lab


def cluster_lab(config: ValkeyConfig) -> Lab:
    """Return a lab over a real cluster, for synchronous actors."""

    def connect_to(
        name: str, recorder: Recorder | None, *, decode: bool = True, is_async: bool = False
    ) -> Any:
        assert not is_async, "an asyncio cluster client has no pools to record in"
        client: Any = connect(config, decode_responses=decode)
        client.connection_pool = _Pools(client)
        if recorder is not None:
            for node in client.get_nodes():
                pool = client.get_valkey_connection(node).connection_pool
                pool.connection_class = recording(pool.connection_class, recorder, name)
        return client

    return Lab(connect_to, follows_the_clock=False)


class _Pools:
    """What an actor's death does to its connections, for those of all nodes."""

    def __init__(self, cluster: Any) -> None:
        self._cluster = cluster

    def disconnect(self) -> None:
        """Close the connections of every node."""
        self._cluster.disconnect_connection_pools()

    def reset(self) -> None:
        """Do nothing more."""
