"""Every interleaving of the cache's callers: what was invalidated is never served again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.support.cachefaces import AwaitedCache
from tests.support.cachelab import (
    GAVE_UP,
    Database,
    Operation,
    cluster_lab,
    explore_cache,
    let_be_fresh_for,
    of_bytes,
)

from valkey_redis import Cache
from valkey_redis.embedded import EmbeddedServer
from valkey_redis.embedded_cluster import EmbeddedCluster
from workshop.lab import Lab, open_backend
from workshop.schedule import End, Explored

Note = Callable[[Explored], None]
COST = "9999999999"  # microseconds, in a header


# What callers do -------------------------------------------------------------------------


async def fill(cache: AwaitedCache, database: Database) -> Any:
    """Read through."""
    return await cache.get_or_set("k", database.load)


async def fill_tagged(cache: AwaitedCache, database: Database) -> Any:
    """Read through, with a tag."""
    return await cache.get_or_set("k", database.load, tags=["t"])


async def fill_many(cache: AwaitedCache, database: Database) -> Any:
    """Read several through."""
    found = await cache.get_or_set_many(["k"], lambda keys: {keys[0]: database.load()})
    return found["k"]


async def warm(cache: AwaitedCache, database: Database) -> Any:
    """Warm, with a tag."""
    await cache.warm(["k"], lambda keys: {keys[0]: database.load()}, tags=["t"])


async def refresh(cache: AwaitedCache, database: Database) -> Any:
    """Load anew though a fresh value is there."""
    return await cache.refresh("k", database.load)


async def fill_serving_stale(cache: AwaitedCache, database: Database) -> Any:
    """Read through, with all patience for the refresh of a stale value."""
    return await cache.get_or_set("k", database.load, stale_ttl=3600)


async def invalidate(cache: AwaitedCache, database: Database) -> None:
    """Write, then invalidate."""
    row = database.write()
    await cache.invalidate("k")
    database.tell(row)


async def invalidate_tag(cache: AwaitedCache, database: Database) -> None:
    """Write, then invalidate by the tag."""
    row = database.write()
    await cache.invalidate_tags("t")
    database.tell(row)


async def flush(cache: AwaitedCache, database: Database) -> None:
    """Write, then invalidate everything."""
    row = database.write()
    await cache.flush_namespace()
    database.tell(row)


async def put(cache: AwaitedCache, database: Database) -> None:
    """Write, then store what was written."""
    row = database.write()
    await cache.set("k", row)
    database.tell(row)


async def write_through(cache: AwaitedCache, database: Database) -> None:
    """Write through."""
    database.tell(await cache.write_through("k", database.write))


# What lies there before ------------------------------------------------------------------


def nothing(_cache: Cache, _server: Any) -> None:
    """Leave the cache empty."""


def fresh(cache: Cache, _server: Any) -> None:
    """Have the row in the cache, with a tag."""
    cache.set("k", 0, tags=["t"])


def stale(cache: Cache, server: Any) -> None:
    """Have it stale for a second."""
    cache.set("k", 0)
    let_be_fresh_for(server, cache._keys.entry("k"), -1)


def nearly_stale(cache: Cache, server: Any) -> None:
    """Have it fresh for a second more, after a load that took hours: it is refreshed early."""
    cache.set("k", 0)
    let_be_fresh_for(server, cache._keys.entry("k"), 1)
    server.setrange(cache._keys.entry("k"), 19, COST)


# Nobody waits for another's lease in these: a live server's clock is real, and pauses are not.
Scene = tuple[list[Operation], Callable[[Cache, Any], None], dict[str, Any]]
EARLY = {"beta": 100}
STALE = {"stale_ttl": 3600, "soft_timeout": 60}
SCENES: dict[str, Scene] = {
    "fill and invalidate": ([fill, invalidate], nothing, {}),
    "fill many and invalidate": ([fill_many, invalidate], nothing, {}),
    "fill and set": ([fill, put], nothing, {}),
    "fill and write through": ([fill, write_through], nothing, {}),
    "refresh and set": ([refresh, put], fresh, {}),
    "refresh and invalidate": ([refresh, invalidate], fresh, {}),
    "refresh and flush": ([refresh, flush], fresh, {}),
    "tagged fill and its tag": ([fill_tagged, invalidate_tag], nothing, {}),
    "warm and its tag": ([warm, invalidate_tag], nothing, {}),
    "fill and flush": ([fill, flush], nothing, {}),
    "write through and write through": ([write_through, write_through], fresh, {}),
    "write through and invalidate": ([write_through, invalidate], fresh, {}),
    "write through and flush": ([write_through, flush], fresh, {}),
    "early refresh and invalidate": ([fill, invalidate], nearly_stale, EARLY),
    "early refresh and set": ([fill, put], nearly_stale, EARLY),
    "early refresh and write through": ([fill, write_through], nearly_stale, EARLY),
}
SCENES_OF_TASKS: dict[str, Scene] = {
    "fill and invalidate": SCENES["fill and invalidate"],
    "fill and flush": SCENES["fill and flush"],
    "write through and write through": SCENES["write through and write through"],
    "early refresh and invalidate": SCENES["early refresh and invalidate"],
    "stale refresh and invalidate": ([fill_serving_stale, invalidate], stale, STALE),
    "stale refresh and flush": ([fill_serving_stale, flush], stale, STALE),
    "stale refresh and set": ([fill_serving_stale, put], stale, STALE),
}
SCENES_OF_THREE: dict[str, Scene] = {
    "fill, flush and invalidate": ([fill, flush, invalidate], nothing, {}),
}


@pytest.fixture(params=["fakeredis", "valkey"])
def lab(request: pytest.FixtureRequest, server: EmbeddedServer) -> Iterator[Lab]:
    """Yield a lab on fakeredis and on a real server."""
    with open_backend(request.param, f"{server.url}/4") as make:
        made = of_bytes(make())
        yield made
        made.close()


@pytest.fixture
def note(record_property: Callable[[str, object], None]) -> Note:
    """Return a function that records how much was explored, and refuses what was no race."""

    def note(explored: Explored) -> None:
        record_property("schedules", explored.schedules)
        print(explored)  # noqa: T201 - shown with -rP
        assert explored.schedules > 2

    return note


@contextmanager
def fake_lab() -> Iterator[Lab]:
    """Yield a lab on fakeredis, whose clock is the exploration's."""
    with open_backend("fakeredis") as make:
        made = of_bytes(make())
        yield made
        made.close()


@pytest.mark.parametrize("scene", SCENES)
def test_no_reader_gets_what_was_invalidated(scene: str, lab: Lab, note: Note) -> None:
    """In whatever order the commands of two come, and whoever dies before any of them."""
    operations, before, settings = SCENES[scene]
    note(explore_cache(lab, operations, before=before, crashes=True, **settings))


@pytest.mark.parametrize("scene", SCENES_OF_TASKS)
def test_no_reader_of_tasks_gets_what_was_invalidated(scene: str, lab: Lab, note: Note) -> None:
    """The same with tasks, and with a stale value that serves while it is loaded anew."""
    operations, before, settings = SCENES_OF_TASKS[scene]
    note(explore_cache(lab, operations, face="async", before=before, crashes=True, **settings))


@pytest.mark.parametrize("scene", SCENES_OF_THREE)
def test_no_reader_of_three_gets_what_was_invalidated(scene: str, note: Note) -> None:
    """The same with three callers."""
    operations, before, settings = SCENES_OF_THREE[scene]
    with fake_lab() as lab:
        note(explore_cache(lab, operations, before=before, **settings))


def test_one_of_two_loads(lab: Lab, note: Note) -> None:
    """Of two who find nothing, one loads; the other one has the value, or waits for it."""

    def one_has_loaded(end: End, database: Database) -> None:
        assert database.loads == 1
        assert end.results in ([0, 0], [0, GAVE_UP], [GAVE_UP, 0])

    for operations in ([fill, fill], [fill, fill_many]):
        note(explore_cache(lab, operations, one_has_loaded))


@pytest.mark.parametrize("face", ["sync", "async"])
def test_two_load_at_a_time_only_when_a_lease_has_ended(face: str, note: Note) -> None:
    """Who waits has the value in the end, whoever dies; a second load waits for the first's lease."""
    lease = 0.01

    def both_have_it(end: End, database: Database) -> None:
        for result, died in zip(end.results, end.died, strict=True):
            assert result == (None if died else 0)
        assert database.overlapped > 0.99 * lease  # whole milliseconds of a float's clock

    with fake_lab() as lab:
        explored = explore_cache(
            lab, [fill, fill], both_have_it, face=face, crashes=face == "sync", lease=lease
        )
    note(explored)


def test_who_waits_for_a_writer_gets_what_was_written(note: Note) -> None:
    """A reader who comes in the middle of a write has the new row, if the writer does not die."""

    def reader_has_it(end: End, database: Database) -> None:
        assert end.results[1] in {0, 1}
        assert end.results[1] == database.row or database.told == 1

    with fake_lab() as lab:
        note(explore_cache(lab, [write_through, fill], reader_has_it, face="sync", lease=0.01))


def test_no_reader_of_a_cluster_gets_what_was_invalidated(
    cluster: EmbeddedCluster, note: Note
) -> None:
    """The same on a real cluster, where an entry and its epoch lie in one slot, a tag in another."""
    lab = of_bytes(cluster_lab(cluster.config))
    for scene in (
        "fill and invalidate",
        "tagged fill and its tag",
        "write through and write through",
    ):
        operations, before, settings = SCENES[scene]
        note(explore_cache(lab, operations, before=before, **settings))
    lab.close()
