"""The breakers of a client: an outage costs one timeout, for all that uses it, and ends by itself."""

import asyncio
import inspect
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
import valkey
from tests.support.backends import KINDS, Kind, every_kind
from tests.support.cachefaces import cache_of
from tests.support.faces import AwaitableClient
from tests.support.limiters import FIVE, limiter_of
from tests.support.outages import record, verbs
from tests.support.proxy import Proxy
from tests.support.sessions import sessions_of
from tests.support.waiting import auntil, until

from valkey_redis import (
    AuthenticationError,
    CircuitOpenError,
    CommandError,
    ConnectionLostError,
    Observer,
    PoolExhaustedError,
    ServerTimeoutError,
    ServerUnavailableError,
)
from valkey_redis.circuit import State
from valkey_redis.embedded import EmbeddedServer
from valkey_redis.embedded_cluster import EmbeddedCluster

SHORT = {
    "timeout": 0.2,
    "connect_timeout": 0.2,
    "retry_attempts": 0,
    "health_check_interval": 0,
}


@pytest.fixture
def own(request: pytest.FixtureRequest) -> Iterator[EmbeddedServer]:
    """Return a server that the test may kill."""
    request.getfixturevalue("server")  # decides on the platform, and fails first if it must
    with EmbeddedServer() as started:
        yield started


class States(Observer):
    """Notes the states of breakers."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, State]] = []

    def on_breaker(self, name: str, state: State) -> None:
        """Note it."""
        self.seen.append((name, state))


def face(client: Any) -> Any:
    """Return the client itself."""
    return client.sync if isinstance(client, AwaitableClient) else client


async def recovered(client: Any) -> None:
    """Wait until no breaker is open."""

    async def are_closed() -> bool:
        return bool(face(client).breakers.are_closed)

    await auntil(are_closed, "the breakers are closed")


def observed(kind: Kind, url: str, **settings: Any) -> tuple[Any, States]:
    """Return a client whose breakers are noted."""
    from valkey_redis import ValkeyConfig  # noqa: PLC0415 - of this function only

    states = States()
    config = ValkeyConfig(url=kind.url(url), **SHORT | settings)
    return kind.of(config, observers=[states]), states


@every_kind
@pytest.mark.parametrize("how", ["kill", "pause"])
async def test_one_failure_is_everybodys(kind: Kind, own: Any, how: str) -> None:
    """Cache, limiter, sessions, pipelines and plain commands of a client: one asks, none else.

    It says so, in order: open, half open while it looks, closed.
    """
    client, states = observed(kind, own.url)
    async with client:
        recorder = record(client)
        cache, store = cache_of(client, beta=0), sessions_of(client)
        limiter = limiter_of(client, FIVE["gcra"], on_outage="closed")
        session = await store.create(user=1)
        await cache.set("k", 1)
        await limiter.hit("k")
        await client.close()  # what is connected already would learn of a death in another way
        getattr(own, how)()
        recorder.clear()
        with pytest.raises(ServerUnavailableError) as caught:
            await client.get("k")
        assert type(caught.value) is (
            ServerUnavailableError if how == "kill" else ServerTimeoutError
        )
        for _ in range(3):
            assert await cache.get_or_set("k", lambda: "loaded") == "loaded"
            assert (await limiter.hit("k")).is_degraded
            for call in (
                lambda: store.read(session.id),
                lambda: client.incr("n"),
                lambda: client.pipeline().get("k").get("l").execute(),
            ):
                with pytest.raises(CircuitOpenError, match="not asked until it answers") as open_:
                    await call()
                assert 0 < open_.value.retry_after <= 0.5
        assert [verb for verb in verbs(recorder) if verb not in {"HELLO", "CLIENT"}] in (
            [],
            ["GET"],
        )
        own.start() if how == "kill" else own.resume()
        await recovered(client)
        assert await client.incr("n") == 1
        name = states.seen[0][0]
        assert f"127.0.0.1:{own.port}" in name
        told = [state for _, state in states.seen]
        assert told[:2] == ["open", "half_open"]
        assert told[-2:] == ["half_open", "closed"]
        assert face(client).breakers.states() == {name: "closed"}
        await cache.close()


@every_kind
async def test_what_says_nothing_about_the_server_opens_nothing(
    kind: Kind, own: EmbeddedServer
) -> None:
    """A connection that is lost once, a refusal, a right that is missing, a pool that is empty."""
    with Proxy(own.port) as proxy:
        client, states = observed(kind, f"valkey://127.0.0.1:{proxy.port}", pool_timeout=0.01)
        async with client:
            await client.set("k", "text")
            proxy.lose_reply(b"INCRBY")
            with pytest.raises(ConnectionLostError):
                await client.incr("n")
            assert await client.incr("n") == 2
            with pytest.raises(CommandError):
                await client.incr("k")
            await client.raw.execute_command("CONFIG SET", "maxmemory", 1)
            with pytest.raises(CommandError):
                await client.set("l", 1)
            await client.raw.execute_command("CONFIG SET", "maxmemory", 0)
    with valkey.Valkey(port=own.port) as node:
        node.execute_command("ACL", "SETUSER", "reader", "reset", "on", "nopass", "~*", "+get")
    reader, denied = observed(kind, own.url, username="reader", password="any")
    async with reader:
        with pytest.raises(AuthenticationError):
            await reader.set("k", 1)
        assert await reader.get("k") == "text"
    small, exhausted = observed(kind, own.url, max_connections=1, pool_timeout=0.01)
    async with small, AsyncExitStack() as stack:
        pool = face(small).raw.connection_pool
        taken = await _take(pool, kind)
        stack.push_async_callback(_give, pool, taken, kind)
        with pytest.raises(PoolExhaustedError):
            await small.get("k")
    assert (states.seen, denied.seen, exhausted.seen) == ([], [], [])


async def _take(pool: Any, kind: Kind) -> Any:
    names = ["GET"] if kind.driver == "valkey" else []
    taken = pool.get_connection(*names)
    return await taken if kind.face == "async" else taken


async def _give(pool: Any, connection: Any, kind: Kind) -> None:
    given = pool.release(connection)
    if kind.face == "async":
        await given


@every_kind
async def test_a_wrong_password_is_the_reason(kind: Kind, own: EmbeddedServer) -> None:
    """Who is refused is told why the breaker opened, without the password; the right one closes it."""
    with valkey.Valkey(port=own.port) as node:
        node.config_set("requirepass", "right-hunter2")
        client, _ = observed(kind, own.url, password="wrong-hunter2")
        async with client:
            with pytest.raises(AuthenticationError):
                await client.get("k")
            with pytest.raises(
                CircuitOpenError, match=r"WRONGPASS|invalid username-password"
            ) as caught:
                await client.get("k")
            assert "hunter2" not in str(caught.value)
            node.config_set("requirepass", "wrong-hunter2")
            await recovered(client)
            assert await client.get("k") is None


async def _acquire(client: Any) -> None:
    made = face(client).lock("other", timeout=60).acquire()
    if inspect.isawaitable(made):
        await made


@every_kind
async def test_a_lock_is_given_back_all_the_same(kind: Kind, own: EmbeddedServer) -> None:
    """While the breaker is open nobody acquires one, and nothing is sent for it; but it is released."""
    client, _ = observed(kind, own.url)
    async with client:
        made = face(client).lock("l", timeout=60)
        held = made.acquire()
        if kind.face == "async":
            await held
        own.pause()
        with pytest.raises(ServerTimeoutError):
            await client.get("k")
        recorder = record(client)
        with pytest.raises(CircuitOpenError):
            await _acquire(client)
        assert verbs(recorder) == []
        own.resume()
        assert not face(client).breakers.are_closed
        released = made.release()
        if kind.face == "async":
            await released
        with valkey.Valkey(port=own.port) as node:
            assert node.hget("app:lock:{l}", "token") in {None, b""}


@every_kind
async def test_who_looks_after_a_breaker_is_replaced(kind: Kind, own: EmbeddedServer) -> None:
    """A thread is lost in a fork, a task with its loop: the next who is refused begins it anew."""
    client, _ = observed(kind, own.url)
    async with client:
        own.pause()
        with pytest.raises(ServerTimeoutError):
            await client.get("k")
        face(client).breakers.close()
        await asyncio.sleep(0)
        probers = face(client).breakers._probers
        for prober in list(probers.values()):
            if kind.face == "sync":
                until(lambda prober=prober: not prober.is_alive(), "nobody looks after it")
        own.resume()
        with pytest.raises(CircuitOpenError):
            await client.get("k")
        await recovered(client)


@pytest.mark.usefixtures("cluster")  # decides on the platform, and fails first if it must
async def test_a_shard_that_dies_leaves_the_others() -> None:
    """Its keys are refused at once, by its breaker alone; those of other shards are served.

    By the cache too, one at a time or fifty together; then another node has its slots.
    """
    async with AsyncExitStack() as stack:
        # Slow to replace a primary, so that there is time to look.
        cluster = stack.enter_context(EmbeddedCluster(settings={"cluster-node-timeout": 2000}))
        clients = []
        for kind in KINDS:
            client, states = observed(kind, cluster.url)
            clients.append((await stack.enter_async_context(client), states, kind))
        by_node: dict[int, list[str]] = {}
        for number in range(30):
            by_node.setdefault(cluster.primary_of(f"k{number}").port, []).append(f"k{number}")
        (doomed, *_), *others = by_node.values()
        living = [key for keys in others for key in keys]
        dead = cluster.primary_of(doomed)
        caches = [cache_of(client, namespace=str(kind)) for client, _, kind in clients]
        for client, _, _ in clients:
            for key in (doomed, *living):
                await client.set(key, key)
        entries = {
            str(kind): next(
                key
                for key in map(str, range(1000))
                if cluster.primary_of(cache.own._keys.entry(key)) is dead
            )
            for cache, (_, _, kind) in zip(caches, clients, strict=True)
        }
        dead.kill()
        for (client, states, kind), cache in zip(clients, caches, strict=True):
            with pytest.raises(ServerUnavailableError):
                await _fail(client, doomed)
            for key in living:
                assert await client.get(key) == key, (kind, key)
            assert await cache.get_or_set(entries[str(kind)], lambda: "loaded") == "loaded"
            opened = {name for name, state in states.seen if state == "open"}
            assert opened == {f"127.0.0.1:{dead.port}"}, kind
        for (client, _, kind), cache in zip(clients, caches, strict=True):
            await recovered(client)
            assert await client.get(doomed) == doomed, kind
            await cache.close()


async def _fail(client: Any, key: str) -> None:
    """Ask until a breaker opens: what was connected learns of the death first."""
    for _ in range(5):
        try:
            await client.get(key)
        except CircuitOpenError:
            raise
        except ServerUnavailableError:
            continue
