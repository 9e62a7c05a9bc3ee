"""No command outlasts its caller's deadline, and none is answered with another's reply."""

import asyncio
import inspect
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import valkey
from tests.support.backends import Kind, every_kind
from tests.support.cachefaces import cache_of
from tests.support.faces import AwaitableClient
from tests.support.limiters import DAY
from tests.support.outages import record, verbs
from tests.support.waiting import auntil

from valkey_redis import (
    AsyncCache,
    AsyncRateLimiter,
    AsyncValkeyClient,
    Cache,
    DeadlineExceededError,
    FixedWindow,
    ValkeyClient,
    ValkeyConfig,
    deadline,
    remaining,
)
from valkey_redis.commands import Command
from valkey_redis.embedded import EmbeddedServer
from valkey_redis.embedded_cluster import EmbeddedCluster
from valkey_redis.keys import LockKeys
from valkey_redis.pool import InTime

# Far beyond the deadlines: were they not kept, the tests would not end in time.
SLOW = {"timeout": 60, "connect_timeout": 60, "retry_attempts": 3, "health_check_interval": 0}
MOMENT = 0.2  # seconds
BOUND = 10.0  # seconds: generous


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
        # Longer than the deadline was.
        assert await client.send(Command(("BLPOP", "nothing", "0.4"), bool)) is False


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
        recorder = record(client)
        await client.get("k")
        recorder.clear()
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


# Where more than one command, or more than one caller, waits ----------------------------------


class Noting:
    """A connection that notes how long it would wait to send."""

    socket_timeout = 60.0
    waits: float | None = None

    def send_packed_command(self) -> None:
        """Note it."""
        self.waits = self._sock.gettimeout()


class Hurried(InTime, Noting):
    """The same, as the package's are."""


def test_to_send_takes_no_longer() -> None:
    """Of a server that reads nothing a large value fills the sockets; then the stated timeout holds."""
    with socket.socket() as own:
        connection = Hurried()
        connection._sock = own
        with deadline(5):
            connection.send_packed_command()
        assert connection.waits is not None
        assert 0 < connection.waits <= 5
        assert own.gettimeout() == 60.0


@every_kind
async def test_the_pause_before_a_retry_is_no_longer(kind: Kind, own: EmbeddedServer) -> None:
    """Nobody listens, which is told at once; the next try would be after half a minute."""
    late = {"retry_attempts": 3, "retry_backoff_type": "constant", "retry_base": 30}
    own.kill()
    async with kind.client(own.url, **late) as client:
        begun = time.monotonic()
        with deadline(MOMENT), pytest.raises(DeadlineExceededError):
            await client.get("k")
        assert time.monotonic() - begun < BOUND


@every_kind
async def test_a_scan_takes_no_longer(kind: Kind, own: EmbeddedServer) -> None:
    """Of a server that hangs."""
    async with kind.client(own.url, **SLOW) as client:
        await client.set("k", "k")
        own.pause()
        with deadline(MOMENT), pytest.raises(DeadlineExceededError):
            _ = [key async for key in client.scan()]
        own.resume()
        with deadline(60):
            assert [key async for key in client.scan()] == ["k"]


@every_kind
async def test_who_listens_waits_no_longer(kind: Kind, own: EmbeddedServer) -> None:
    """To subscribe, or for a message; the subscription outlives the deadline."""
    async with kind.client(own.url, **SLOW) as client:
        begun = time.monotonic()
        async with client.pubsub("news") as messages:
            with deadline(MOMENT):
                with pytest.raises(DeadlineExceededError):
                    await messages.get(60)
                with pytest.raises(DeadlineExceededError):
                    await messages.get(60)
            assert await client.publish("news", 1) == 1
            with deadline(60):
                assert (await messages.get(60)).value == 1
        own.pause()
        with deadline(MOMENT), pytest.raises(DeadlineExceededError):
            async with client.pubsub("news"):
                pass
        assert time.monotonic() - begun < BOUND
        own.resume()


@every_kind
async def test_who_waits_for_a_connection_waits_no_longer(
    kind: Kind, server: EmbeddedServer
) -> None:
    """All of the pool's are in use: that is no PoolExhaustedError of a minute later."""
    async with kind.client(server.url, **SLOW, max_connections=1, pool_timeout=60) as client:
        pool = face(client).raw.connection_pool
        made = pool.get_connection(*["GET"] * (kind.driver == "valkey"))
        taken = await made if inspect.isawaitable(made) else made
        begun = time.monotonic()
        with deadline(MOMENT), pytest.raises(DeadlineExceededError):
            await client.get("k")
        assert time.monotonic() - begun < BOUND
        given = pool.release(taken)
        if inspect.isawaitable(given):
            await given


@pytest.mark.parametrize("driver", ["valkey", "redis"])
async def test_who_goes_along_in_a_batch_waits_no_longer(driver: str, own: EmbeddedServer) -> None:
    """Each by its own deadline: whoever has more time has the answer that another could not await."""
    config = ValkeyConfig(url=Kind("async", driver).url(own.url), **SLOW)
    async with AsyncValkeyClient(config) as client:
        cache, limiter = AsyncCache(client), AsyncRateLimiter(client, FixedWindow(100, per=DAY))
        await cache.set("k", "k")

        async def hurried(call: Any) -> Any:
            with deadline(MOMENT):
                return await call

        own.pause()
        calls = [
            *(asyncio.ensure_future(cache.get("k")) for _ in range(2)),
            asyncio.ensure_future(hurried(cache.get("k"))),
            *(asyncio.ensure_future(limiter.hit("k")) for _ in range(2)),
            asyncio.ensure_future(hurried(limiter.hit("k"))),
        ]
        assert await calls[2] is None
        assert (await calls[5]).is_degraded
        assert not any(call.done() for call in (calls[0], calls[1], calls[3], calls[4]))
        own.resume()
        assert [await call for call in calls[:2]] == ["k", "k"]
        assert [(await call).is_degraded for call in calls[3:5]] == [False, False]


async def test_a_batch_is_not_as_hurried_as_who_began_it(own: EmbeddedServer) -> None:
    """The first caller's deadline is over; those who came meanwhile are decided by the server."""
    async with AsyncValkeyClient(ValkeyConfig(url=own.url, **SLOW)) as client:
        limiter = AsyncRateLimiter(client, FixedWindow(100, per=DAY))

        async def hurried() -> bool:
            with deadline(MOMENT):
                return (await limiter.hit("k")).is_degraded

        own.pause()
        first = asyncio.ensure_future(hurried())
        await asyncio.sleep(0)
        others = [asyncio.ensure_future(limiter.hit("k")) for _ in range(3)]
        assert await first is True
        own.resume()
        assert [(await other).is_degraded for other in others] == [False] * 3


def test_a_leader_without_time_fails_alone(server: EmbeddedServer) -> None:
    """A thread's load ended with its deadline: those who waited for it load for themselves."""
    with ValkeyClient(server.url) as client:
        cache = Cache(client, namespace="alone", lease=0.3)
        begun, errors, given = threading.Event(), [], []

        def late() -> str:
            begun.set()
            while remaining():
                pass
            return str(client.get("k"))

        def lead() -> None:
            with deadline(MOMENT), pytest.raises(DeadlineExceededError) as caught:
                cache.get_or_set("k", late)
            errors.append(caught.value)

        leader = threading.Thread(target=lead)
        leader.start()
        assert begun.wait(10)
        given.append(cache.get_or_set("k", lambda: "loaded"))
        leader.join(10)
        assert (len(errors), given) == (1, ["loaded"])
        cache.flush_namespace()
