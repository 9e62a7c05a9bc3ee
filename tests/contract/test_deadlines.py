"""No command outlasts its caller's deadline, and none is answered with another's reply."""

import asyncio
import inspect
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import valkey
from tests.support.backends import Kind, every_kind
from tests.support.cachefaces import cache_of
from tests.support.faces import AwaitableClient
from tests.support.outages import record, verbs
from tests.support.waiting import auntil

from valkey_redis import (
    AsyncCache,
    AsyncValkeyClient,
    Cache,
    DeadlineExceededError,
    ValkeyClient,
    deadline,
    remaining,
)
from valkey_redis.embedded import EmbeddedServer
from valkey_redis.embedded_cluster import EmbeddedCluster
from valkey_redis.keys import LockKeys

# Far beyond the deadlines: were they not kept, the tests would not end in time.
SLOW = {"timeout": 60, "connect_timeout": 60, "retry_attempts": 3, "health_check_interval": 0}
MOMENT = 0.2  # seconds


@pytest.fixture
def own(request: pytest.FixtureRequest) -> Iterator[EmbeddedServer]:
    """Return a server that the test may pause."""
    request.getfixturevalue("server")  # decides on the platform, and fails first if it must
    with EmbeddedServer() as started:
        yield started


def face(client: Any) -> Any:
    """Return the client itself."""
    return client.sync if isinstance(client, AwaitableClient) else client


async def _exceed(client: Any) -> None:
    """Let each kind of call exceed its deadline."""
    for call in (
        lambda: client.get("k"),
        lambda: client.incr("n"),
        lambda: client.pipeline().get("k").execute(),
        lambda: client.expire("k", 60),
    ):
        with deadline(MOMENT), pytest.raises(DeadlineExceededError):
            await call()


@every_kind
async def test_a_hung_server_keeps_nobody_beyond_the_deadline(
    kind: Kind, own: EmbeddedServer
) -> None:
    """It opens no breaker; and the late replies are nobody else's."""
    async with kind.client(own.url, **SLOW) as client:
        await client.set("k", "k")
        await client.set("l", "l")
        own.pause()
        await _exceed(client)
        assert face(client).breakers.states() == {}
        own.resume()
        for _ in range(5):
            assert await client.get("l") == "l"
            assert await client.pipeline().get("l").get("k").execute() == ["l", "k"]
        assert await client.exists("l", "l", "k") == 3


@every_kind
async def test_to_connect_takes_no_longer_either(kind: Kind, own: EmbeddedServer) -> None:
    """A server that accepts and never greets; afterwards the stated timeouts hold again."""
    async with kind.client(own.url, **SLOW, password="any", username="default") as client:
        own.pause()
        with deadline(MOMENT), pytest.raises(DeadlineExceededError):
            await client.get("k")
        own.resume()
        assert await client.get("k") is None


@every_kind
async def test_in_a_cluster_too(kind: Kind, cluster: EmbeddedCluster) -> None:
    """A shard that hangs, for less than the others need to replace it."""
    async with kind.client(cluster.url, **SLOW) as client:
        key = f"deadline:{kind}"
        await client.set(key, "k")
        shard = cluster.primary_of(key)
        shard.pause()
        try:
            with deadline(MOMENT), pytest.raises(DeadlineExceededError):
                await client.get(key)
        finally:
            shard.resume()
        for _ in range(5):
            assert await client.get(key) == "k"


@every_kind
async def test_nothing_is_sent_when_no_time_is_left(kind: Kind, server: EmbeddedServer) -> None:
    """Neither a command nor a pipeline; the cache answers without the server."""
    async with kind.client(server.url) as client:
        await client.get("k")
        recorder = record(client)
        cache = cache_of(client)
        with deadline(0):
            with pytest.raises(DeadlineExceededError):
                await client.set("k", 1)
            with pytest.raises(DeadlineExceededError):
                await client.pipeline().get("k").get("l").execute()
            assert await cache.get("k", "default") == "default"
        assert verbs(recorder) == []


async def test_a_leader_with_little_time_leaves_the_load_to_the_others(
    server: EmbeddedServer,
) -> None:
    """It has its DeadlineExceededError; the load goes on, without a deadline, and is shared."""
    async with AsyncValkeyClient(server.url) as client:
        cache, loads, go_on = AsyncCache(client, namespace="leader"), [], asyncio.Event()

        async def load() -> str:
            loads.append(remaining())
            await go_on.wait()
            return "loaded"

        async def hurried() -> Any:
            with deadline(MOMENT):
                return await cache.get_or_set("k", load)

        leader = asyncio.ensure_future(hurried())

        async def has_begun() -> bool:
            return bool(loads)

        await auntil(has_begun, "the load has begun")
        follower = asyncio.ensure_future(cache.get_or_set("k", load))
        with pytest.raises(DeadlineExceededError):
            await leader
        go_on.set()
        assert await follower == "loaded"
        assert loads == [None]
        await cache.flush_namespace()


def test_a_follower_waits_no_longer_than_its_deadline(server: EmbeddedServer) -> None:
    """A thread that joined another one's load; that one has its value."""
    with ValkeyClient(server.url) as client:
        cache, begun, go_on = (
            Cache(client, namespace="follower"),
            threading.Event(),
            threading.Event(),
        )
        given: list[str] = []

        def load() -> str:
            begun.set()
            go_on.wait(10)
            return "loaded"

        leader = threading.Thread(target=lambda: given.append(cache.get_or_set("k", load)))
        leader.start()
        assert begun.wait(10)
        with deadline(MOMENT), pytest.raises(DeadlineExceededError):
            cache.get_or_set("k", load)
        go_on.set()
        leader.join(10)
        assert given == ["loaded"]
        cache.flush_namespace()


def test_a_refresh_in_the_background_has_no_deadline(server: EmbeddedServer) -> None:
    """The caller has the stale value at once; its deadline is not the refresh's."""
    with ValkeyClient(server.url) as client:
        cache = Cache(client, namespace="refresh", ttl=0.001, stale_ttl=60, jitter=0, beta=0)
        left: list[float | None] = []
        done = threading.Event()

        def load() -> str:
            left.append(remaining())
            if len(left) > 1:
                done.set()
            return "loaded"

        with deadline(60):
            cache.get_or_set("k", load)
            while not done.wait(0.01):  # it may still be fresh
                assert cache.get_or_set("k", load) == "loaded"
        assert left[0] is not None
        assert left[1] is None
        cache.close()
        cache.flush_namespace()


# Locks ---------------------------------------------------------------------------------------


async def _called(made: Any) -> Any:
    return await made if inspect.isawaitable(made) else made


@every_kind
async def test_who_waits_for_a_lock_waits_no_longer(kind: Kind, server: EmbeddedServer) -> None:
    """And leaves the queue behind; the owner gives it back even when its time is over."""
    async with kind.client(server.url, **SLOW) as client, kind.client(server.url) as other:
        name = f"deadline:{kind}"
        with deadline(MOMENT):
            held = face(other).lock(name, timeout=60)
            await _called(held.acquire())
            with pytest.raises(DeadlineExceededError):
                await _called(face(client).lock(name, timeout=60).acquire())
            with valkey.Valkey(port=server.port) as node:
                assert node.exists(LockKeys("app", name).queue) == 0
            assert remaining() == 0.0
            await _called(held.release())
        third = face(client).lock(name, timeout=60, blocking=False)
        await _called(third.acquire())
        await _called(third.release())
