"""One cold key loads once, however many ask, and whatever becomes of the one who loads."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
import pytest_asyncio
from tests.support.cachefaces import BOUND, Loader
from tests.support.waiting import until

from valkey_redis import AsyncCache, AsyncValkeyClient, Cache, InvalidArgumentError, ValkeyClient
from valkey_redis.embedded import EmbeddedServer
from valkey_redis.filling import NEVER, TICKS, Answer
from valkey_redis.scripts import load as script

MANY = 100
LONG = 60.0  # seconds: a lease that no test outlives
PROGRAM = """
import sys, threading, time
from valkey_redis import Cache, ValkeyClient
url, callers, seconds, lease = sys.argv[1], *map(float, sys.argv[2:])
client = ValkeyClient(url)
cache = Cache(client, beta=0, lease=lease)

def load():
    client.incr("loads")
    print("loading", flush=True)
    time.sleep(seconds)
    return 7

client.is_healthy()
print("ready", flush=True)
sys.stdin.readline()
got = []
threads = [
    threading.Thread(target=lambda: got.append(cache.get_or_set("k", load)))
    for _ in range(int(callers))
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("got", set(got), len(got), flush=True)
"""


@pytest.fixture
def client(server: EmbeddedServer) -> Iterator[ValkeyClient]:
    """Return a client of an empty server."""
    with ValkeyClient(server.config) as made:
        made.raw.execute_command("FLUSHALL")
        yield made


@pytest.fixture
def cache(client: ValkeyClient) -> Iterator[Cache]:
    """Return a cache of threads, whose leases no test outlives."""
    made = Cache(client, beta=0, lease=LONG)
    yield made
    made.close()


@pytest_asyncio.fixture
async def tasks(
    client: ValkeyClient,  # noqa: ARG001 - empties the server
    server: EmbeddedServer,
) -> AsyncIterator[AsyncCache]:
    """Return a cache of tasks, beside the one of threads."""
    async with AsyncValkeyClient(server.config) as own:
        made = AsyncCache(own, beta=0, lease=LONG)
        yield made
        await made.close()


@pytest.fixture
def other(
    client: ValkeyClient,  # noqa: ARG001 - empties the server
    server: EmbeddedServer,
) -> Iterator[Cache]:
    """Return another process's cache: it shares nothing but the server."""
    with ValkeyClient(server.config) as own:
        yield Cache(own, beta=0, lease=LONG)


@contextmanager
def threads() -> Iterator[Callable[..., Future[Any]]]:
    """Yield a function that calls another in a thread of its own."""
    with ThreadPoolExecutor(MANY) as pool:
        yield pool.submit


@contextmanager
def program(server: EmbeddedServer, *arguments: float) -> Iterator[subprocess.Popen[str]]:
    """Run the program to where it is ready."""
    words = [sys.executable, "-c", PROGRAM, server.url, *map(str, arguments)]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert line(process) == "ready"
        yield process


def line(process: subprocess.Popen[str], tell: str = "") -> str:
    """Tell the process to go on, and return its next line."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(tell)
    process.stdin.flush()
    return process.stdout.readline().strip()


def commands(client: ValkeyClient) -> int:
    """Return how many commands the cache has sent since the last reset."""
    found = client.raw.execute_command("INFO", "commandstats")
    sent = ("mget", "evalsha", "eval", "unlink")
    return sum(found.get(f"cmdstat_{name}", {}).get("calls", 0) for name in sent)


def waiters(cache: Cache | AsyncCache) -> int:
    """Return how many wait for the flight, its leader not counted."""
    (flight,) = cache._flights.values()
    if isinstance(flight, Future):
        return len(flight._condition._waiters)  # type: ignore[attr-defined] # CPython's
    return len(flight._callbacks or ()) - 2  # the leader, and _finish


# Many at a time --------------------------------------------------------------------------


def test_a_hundred_threads_load_once(cache: Cache, client: ValkeyClient) -> None:
    """Who comes at once, or while it is loaded, shares the load and sends nothing."""
    loads: list[int] = []

    def load() -> int:
        loads.append(1)
        time.sleep(0.05)
        return 7

    start = threading.Barrier(MANY)

    def call() -> int:
        start.wait()
        return cache.get_or_set("k", load)

    client.raw.execute_command("CONFIG RESETSTAT")
    with threads() as run:
        assert [made.result() for made in [run(call) for _ in range(MANY)]] == [7] * MANY
    assert len(loads) == 1
    assert commands(client) <= MANY + 4  # each looks once at most


async def test_a_hundred_tasks_load_once(tasks: AsyncCache, client: ValkeyClient) -> None:
    """The same with tasks."""
    loads: list[int] = []

    async def load() -> int:
        loads.append(1)
        await asyncio.sleep(0.05)
        return 7

    client.raw.execute_command("CONFIG RESETSTAT")
    calls = [tasks.get_or_set("k", load) for _ in range(MANY)]
    assert await asyncio.gather(*calls) == [7] * MANY
    assert len(loads) == 1
    assert commands(client) < 25


def test_two_processes_load_once(server: EmbeddedServer, client: ValkeyClient) -> None:
    """Fifty callers in each of two processes: one load, for which one of the other fifty asks."""
    with program(server, 50, 0.05, 5) as one, program(server, 50, 0.05, 5) as two:
        client.raw.execute_command("CONFIG RESETSTAT")
        for process in (one, two):
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        said = [process.communicate(timeout=BOUND)[0].split("\n") for process in (one, two)]
    assert sorted(lines[-2] for lines in said) == ["got {7} 50"] * 2
    assert client.get("loads") == 1
    assert commands(client) < 2 * 50 + 60  # each looks once at most; a waiter asks 45 times at most


def test_who_comes_during_a_load_sends_nothing(cache: Cache, client: ValkeyClient) -> None:
    """A caller who finds a flight joins it before it asks the server anything."""
    loader = Loader()
    with threads() as run:
        leader = run(cache.get_or_set, "k", loader)
        assert loader.began.wait(BOUND)
        before = commands(client)
        others = [run(cache.get_or_set, "k", loader) for _ in range(10)]
        until(lambda: waiters(cache) == 10, "ten wait")
        assert commands(client) == before
        loader.end.set()
        assert [made.result() for made in (leader, *others)] == ["value"] * 11
    assert (loader.loads, cache.get_stats().counts["shared"]) == (1, 10)


def test_a_thread_may_share_what_was_loaded_since_it_came(cache: Cache) -> None:
    """Also if that is the second flight that it joins: only what is older will not do."""
    first, second = Future[Answer](), Future[Answer]()
    cache._flights["app:cache:k"] = first
    with threads() as run:
        call = run(cache.get_or_set, "k", lambda: "loaded again")
        until(lambda: waiters(cache) == 1, "it has joined the first")
        tick = next(TICKS)
        cache._flights["app:cache:k"] = second
        first.set_result(Answer("refused", NEVER))
        until(lambda: waiters(cache) == 1, "it has joined the second")
        second.set_result(Answer("shared", tick))
        assert call.result(BOUND) == "shared"


async def test_a_task_may_share_what_was_loaded_since_it_came(tasks: AsyncCache) -> None:
    """The same with tasks."""

    async def again() -> str:
        return "loaded again"

    loop = asyncio.get_running_loop()
    first, second = loop.create_future(), loop.create_future()
    flights: dict[str, Any] = tasks._flights  # type: ignore[assignment] # a future will do
    flights["app:cache:k"] = first
    call = asyncio.ensure_future(tasks.get_or_set("k", again))
    await asyncio.sleep(0)  # it has joined the first
    tick = next(TICKS)
    flights["app:cache:k"] = second
    first.set_result(Answer("refused", NEVER))
    second.set_result(Answer("shared", tick))
    assert await asyncio.wait_for(call, BOUND) == "shared"


def test_different_keys_load_at_a_time(cache: Cache) -> None:
    """Nobody waits for another key's load."""
    loader = Loader()
    with threads() as run:
        leader = run(cache.get_or_set, "k", loader)
        assert loader.began.wait(BOUND)
        assert cache.get_or_set("other", lambda: 1) == 1
        assert cache.get_or_set_many(["a", "b"], lambda keys: dict.fromkeys(keys, 2)) == {
            "a": 2,
            "b": 2,
        }
        loader.end.set()
        assert leader.result() == "value"


def test_many_wait_for_what_others_load(cache: Cache, other: Cache) -> None:
    """get_or_set_many loads what nobody loads yet, and has the rest from those who do."""
    loader = Loader()
    with threads() as run:
        leader = run(cache.get_or_set, "a", loader)
        assert loader.began.wait(BOUND)
        asked: list[list[str]] = []

        def load(keys: list[str]) -> dict[str, str]:
            asked.append(keys)
            loader.end.set()
            return dict.fromkeys(keys, "many")

        assert other.get_or_set_many(["a", "b"], load) == {"a": "value", "b": "many"}
        assert asked == [["b"]]
        assert leader.result() == "value"


# What becomes of the leader --------------------------------------------------------------


@pytest.mark.parametrize("kind", [ZeroDivisionError, TimeoutError, SystemExit])
def test_a_failed_load_is_shared_by_the_threads_that_waited(
    cache: Cache, kind: type[BaseException]
) -> None:
    """All who waited get the leader's exception, and only they: the next call loads anew."""
    loader = Loader(kind("bad row"))
    with threads() as run:
        calls = [run(cache.get_or_set, "k", loader)]
        assert loader.began.wait(BOUND)
        calls += [run(cache.get_or_set, "k", lambda: "another") for _ in range(5)]
        until(lambda: waiters(cache) == 5, "five wait")
        loader.end.set()
        errors = [call.exception(BOUND) for call in calls]
    assert errors[0] is loader.value
    # Who ends its own thread ends nobody else's: the others load.
    shared = None if kind is SystemExit else loader.value
    assert errors[1:] == [shared] * 5
    assert cache.get("k") == (None if shared else "another")
    assert cache.get_or_set("k2", lambda: "good") == "good"
    assert cache.get_or_set("k", lambda: "another") == "another"
    assert loader.loads == 1


async def test_a_failed_load_is_shared_by_the_tasks_that_waited(tasks: AsyncCache) -> None:
    """The same with tasks."""
    loader = Loader(ZeroDivisionError("bad row"))
    calls = [asyncio.ensure_future(tasks.get_or_set("k", loader.in_task)) for _ in range(6)]
    await loader.has_begun()
    loader.end.set()
    errors = await asyncio.gather(*calls, return_exceptions=True)
    assert errors == [loader.value] * 6
    assert loader.loads == 1
    assert await tasks.exists("k") is False
    loader.value = "good"
    assert await tasks.get_or_set("k", loader.in_task) == "good"


async def test_a_cancelled_leader_cancels_nobody_else(tasks: AsyncCache) -> None:
    """Its load goes on for those who wait, once, and is stored; it alone is cancelled."""
    loader = Loader()
    leader = asyncio.ensure_future(tasks.get_or_set("k", loader.in_task))
    await loader.has_begun()
    followers = [asyncio.ensure_future(tasks.get_or_set("k", loader.in_task)) for _ in range(5)]
    await asyncio.sleep(0)
    leader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leader
    followers[0].cancel()
    loader.end.set()
    assert await asyncio.gather(*followers[1:]) == ["value"] * 4
    assert followers[0].cancelled()
    assert loader.loads == 1
    assert await tasks.get("k") == "value"


async def test_a_cancelled_load_of_many_keeps_nobody_waiting(
    tasks: AsyncCache, other: Cache
) -> None:
    """Its leases end with it: whoever comes next loads at once."""
    loader = Loader()

    async def load(keys: list[str]) -> dict[str, Any]:
        return dict.fromkeys(keys, await loader.in_task())

    for call in (
        lambda: tasks.get_or_set_many(["a", "b"], load),
        lambda: tasks.refresh("a", loader.in_task),
        lambda: tasks.write_through("a", loader.in_task),
    ):
        loader.began.clear()
        task = asyncio.ensure_future(call())
        await loader.has_begun()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        begun = time.monotonic()
        assert other.get_or_set("a", lambda: "next") == "next"
        assert time.monotonic() - begun < BOUND
        other.invalidate("a", "b")


def test_a_killed_leader_keeps_others_waiting_for_its_lease_at_most(
    server: EmbeddedServer, client: ValkeyClient
) -> None:
    """A process is ended by SIGKILL while it loads: the others, of any kind, then load once."""
    lease = 0.5
    cache = Cache(client, beta=0, lease=LONG)
    with program(server, 1, LONG, lease) as victim:
        assert line(victim, "\n") == "loading"
        begun = time.monotonic()
        with threads() as run:
            calls = [run(cache.get_or_set, "k", counted(client)) for _ in range(5)]
            os.kill(victim.pid, signal.SIGKILL)
            assert [call.result(BOUND) for call in calls] == [8] * 5
        assert time.monotonic() - begun < lease + 5
        assert client.get("loads") == 2


def counted(client: ValkeyClient) -> Callable[[], int]:
    """Return a load that is counted on the server."""

    def load() -> int:
        client.incr("loads")
        return 8

    return load


def test_a_thread_gives_up_a_leader_that_hangs(client: ValkeyClient) -> None:
    """After twelve leases its followers load for themselves, and do not wait for ever."""
    cache, loader = Cache(client, beta=0, lease=0.02), Loader()
    with threads() as run:
        leader = run(cache.get_or_set, "k", loader)
        assert loader.began.wait(BOUND)
        assert run(cache.get_or_set, "k", lambda: "mine").result(BOUND) == "mine"
        loader.end.set()
        assert leader.result(BOUND) == "value"


async def test_a_task_gives_up_a_leader_that_hangs(tasks: AsyncCache) -> None:
    """The same with tasks."""
    cache, loader = AsyncCache(tasks.client, beta=0, lease=0.02), Loader()
    leader = asyncio.ensure_future(cache.get_or_set("k", loader.in_task))
    await loader.has_begun()

    async def mine() -> str:
        return "mine"

    assert await asyncio.wait_for(cache.get_or_set("k", mine), BOUND) == "mine"
    loader.end.set()
    assert (await leader, loader.loads) == ("value", 1)
    await cache.close()


# Long loads ------------------------------------------------------------------------------


def test_a_thread_s_lease_is_renewed_while_it_loads(client: ValkeyClient, other: Cache) -> None:
    """A load of several leases' length is the only one, and its value is stored."""
    cache, loader = Cache(client, beta=0, lease=0.5), Loader()
    with threads() as run:
        leader = run(cache.get_or_set, "k", loader)
        assert loader.began.wait(BOUND)
        follower = run(other.get_or_set, "k", lambda: "another")
        time.sleep(1.5)  # the load's length
        loader.end.set()
        assert (leader.result(BOUND), follower.result(BOUND)) == ("value", "value")
    assert cache.get("k") == "value"


async def test_a_task_s_lease_is_renewed_while_it_loads(tasks: AsyncCache, other: Cache) -> None:
    """The same with tasks, for a load of several."""
    cache, loader = AsyncCache(tasks.client, beta=0, lease=0.5), Loader()

    async def load(keys: list[str]) -> dict[str, Any]:
        return dict.fromkeys(keys, await loader.in_task())

    leader = asyncio.ensure_future(cache.get_or_set_many(["k", "l"], load))
    await loader.has_begun()
    follower = asyncio.ensure_future(asyncio.to_thread(other.get_or_set, "k", lambda: "another"))
    await asyncio.sleep(1.5)  # the load's length
    loader.end.set()
    assert await leader == {"k": "value", "l": "value"}
    assert await follower == "value"
    await cache.close()


def test_a_load_may_take_longer_than_its_value_lives(client: ValkeyClient) -> None:
    """What others rely on, the epoch and the tags' versions, outlives the longest load."""
    cache, loader = Cache(client, beta=0, lease=0.3, ttl=0.01, jitter=0), Loader()
    with threads() as run:
        leader = run(cache.get_or_set, "k", loader, tags=["t"])
        assert loader.began.wait(BOUND)
        time.sleep(0.6)  # the load's length
        loader.end.set()
        assert leader.result(BOUND) == "value"
    assert cache.get_stats().counts["refused"] == 0


def test_nobody_ends_or_renews_another_s_lease(cache: Cache, client: ValkeyClient) -> None:
    """Whoever lost its lease to a writer must not touch the writer's."""
    loader = Loader()
    with threads() as run:
        leader = run(cache.get_or_set, "k", loader)
        assert loader.began.wait(BOUND)
        before = client.raw.execute_command("GET", "app:cache:k")
        for length in (0, 5000):
            assert client.run(script("renew"), ["app:cache:k"], ["f" * 16, length]) == 0
        assert client.raw.execute_command("GET", "app:cache:k") == before
        loader.end.set()
        assert leader.result(BOUND) == "value"
    assert cache.get("k") == "value"


# A loader that asks for what it loads ----------------------------------------------------


@pytest.mark.parametrize("method", ["get_or_set", "refresh", "get_or_set_many"])
def test_a_loader_that_asks_for_its_own_key_is_told_so(cache: Cache, method: str) -> None:
    """It would wait for itself: directly, or by way of another key's loader."""

    def own() -> Any:
        if method == "get_or_set_many":
            return cache.get_or_set_many(["x", "k"], lambda _: {"k": 1})
        return getattr(cache, method)("k", lambda: 1)

    for load in (own, lambda: cache.get_or_set("l", own)):
        with pytest.raises(InvalidArgumentError, match="app:cache:k: its own loader asks"):
            cache.get_or_set("k", load)
        with pytest.raises(InvalidArgumentError, match="app:cache:k: its own loader asks"):
            cache.write_through("k", load)
    assert cache.get_or_set("k", lambda: "good") == "good"


async def test_a_task_s_loader_that_asks_for_its_own_key_is_told_so(tasks: AsyncCache) -> None:
    """The same with tasks."""

    async def own() -> Any:
        return await tasks.get_or_set("k", own)

    async def by_another() -> Any:
        return await tasks.get_or_set("l", own)

    for load in (own, by_another):
        with pytest.raises(InvalidArgumentError, match="app:cache:k: its own loader asks"):
            await asyncio.wait_for(tasks.get_or_set("k", load), BOUND)


def test_a_loader_may_ask_for_others(server: EmbeddedServer, cache: Cache) -> None:
    """Other keys, and the same key of another server's cache: that is not its own."""
    with ValkeyClient(f"{server.url}/5") as far:
        second = Cache(far, beta=0)
        value = cache.get_or_set(
            "k", lambda: second.get_or_set("k", lambda: cache.get_or_set("l", lambda: 7))
        )
    assert value == 7


async def test_what_a_loader_leaves_behind_may_ask_for_its_key(tasks: AsyncCache) -> None:
    """A task that a loader started, and that outlives it, is no loader."""
    left: list[asyncio.Task[Any]] = []
    invalidated = asyncio.Event()

    async def again() -> str:
        return "again"

    async def later() -> Any:
        await invalidated.wait()
        return await tasks.get_or_set("k", again)

    async def load() -> str:
        left.append(asyncio.ensure_future(later()))
        return "first"

    assert await tasks.get_or_set("k", load) == "first"
    await tasks.invalidate("k")
    invalidated.set()
    assert await left[0] == "again"


# Who comes after an invalidation ---------------------------------------------------------

INVALIDATIONS: dict[str, Callable[[Cache], object]] = {
    "key": lambda cache: cache.invalidate("k"),
    "tag": lambda cache: cache.invalidate_tags("t"),
    "namespace": lambda cache: cache.flush_namespace(),
    "set": lambda cache: cache.set("k", "new", tags=["t"]),
    "write": lambda cache: cache.write_through("k", lambda: "new", tags=["t"]),
}


@pytest.mark.parametrize("who", ["this cache", "another process's"])
@pytest.mark.parametrize("how", INVALIDATIONS)
def test_a_thread_that_came_after_an_invalidation_gets_no_older_load(
    how: str, who: str, cache: Cache, other: Cache
) -> None:
    """It came while the old load was under way, and does not share it; nor is that stored."""
    old = Loader("old")
    with threads() as run:
        leader = run(cache.get_or_set, "k", old, tags=["t"])
        assert old.began.wait(BOUND)
        INVALIDATIONS[how](cache if who == "this cache" else other)
        if how in {"set", "write"}:
            assert other.get("k") == "new"  # stored, though another's load is under way
        late = run(cache.get_or_set, "k", lambda: "new", tags=["t"])
        until(
            lambda: (
                late.done() or (cache._flights and waiters(cache)) or how in {"tag", "namespace"}
            ),
            "it joined, or has it",
        )
        old.end.set()
        assert late.result(BOUND) == "new"
        assert leader.result(BOUND) == "old"
    assert cache.get_or_set("k", lambda: "newest", tags=["t"]) == "new"


@pytest.mark.parametrize("how", INVALIDATIONS)
async def test_a_task_that_came_after_an_invalidation_gets_no_older_load(
    how: str, tasks: AsyncCache, other: Cache
) -> None:
    """The same with tasks; the invalidation is another process's."""
    old = Loader("old")
    leader = asyncio.ensure_future(tasks.get_or_set("k", old.in_task, tags=["t"]))
    await old.has_begun()
    await asyncio.to_thread(INVALIDATIONS[how], other)

    async def new() -> str:
        return "new"

    late = asyncio.ensure_future(tasks.get_or_set("k", new, tags=["t"]))
    await asyncio.sleep(0)  # it has joined the flight by then
    old.end.set()
    assert await asyncio.wait_for(late, BOUND) == "new"
    assert await leader == "old"
    assert await tasks.get_or_set("k", new, tags=["t"]) == "new"


def test_a_load_that_was_flushed_away_keeps_nobody_waiting(cache: Cache, other: Cache) -> None:
    """Its value is refused, and its lease ends with it: the next caller loads at once."""
    old = Loader("old")
    with threads() as run:
        leader = run(cache.get_or_set, "k", old)
        assert old.began.wait(BOUND)
        other.flush_namespace()
        old.end.set()
        assert leader.result(BOUND) == "old"
        begun = time.monotonic()
        assert other.get_or_set("k", lambda: "new") == "new"
        assert time.monotonic() - begun < BOUND
    assert cache.get_stats().counts["refused"] == 1
