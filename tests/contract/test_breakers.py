"""The breakers of a client: an outage costs one timeout, for all that uses it, and ends by itself."""

import asyncio
import gc
import inspect
import threading
import weakref
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from contextvars import ContextVar
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
    RoundTrip,
    ServerTimeoutError,
    ServerUnavailableError,
    ValkeyConfig,
    deadline,
    remaining,
)
from valkey_redis.breakers import _key
from valkey_redis.calling import Call
from valkey_redis.circuit import State
from valkey_redis.commands import Command
from valkey_redis.embedded import EmbeddedServer
from valkey_redis.embedded_cluster import EmbeddedCluster
from valkey_redis.keys import LockKeys

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
                assert open_.value.retry_after == 0.5
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


@every_kind
async def test_who_may_not_look_is_answered_too(kind: Kind, own: EmbeddedServer) -> None:
    """The user may GET, and nothing else: to be told so is a sign that the server serves."""
    with valkey.Valkey(port=own.port) as node:
        node.execute_command("ACL", "SETUSER", "reader", "reset", "on", "nopass", "~*", "+get")
    client, _ = observed(kind, own.url, username="reader", password="any")
    async with client:
        own.pause()
        with pytest.raises(ServerTimeoutError):
            await client.get("k")
        own.resume()
        await recovered(client)
        assert await client.get("k") is None


async def _called(made: Any) -> Any:
    return await made if inspect.isawaitable(made) else made


async def _acquire(client: Any) -> None:
    await _called(face(client).lock("other", timeout=60).acquire())


@every_kind
async def test_a_lock_is_given_back_all_the_same(kind: Kind, own: EmbeddedServer) -> None:
    """While the breaker is open nobody acquires one, and nothing is sent for it; but it is released."""
    client, _ = observed(kind, own.url)
    async with client:
        recorder = record(client)
        held = face(client).lock("l", timeout=60)
        await _called(held.acquire())
        own.pause()
        with pytest.raises(ServerTimeoutError):
            await client.get("k")
        recorder.clear()
        with pytest.raises(CircuitOpenError):
            await _acquire(client)
        assert verbs(recorder) == []
        own.resume()
        assert not face(client).breakers.are_closed
        await _called(held.release())
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
        [prober] = face(client).breakers._probers.values()
        if kind.face == "async":
            prober.cancel()  # as who ends all tasks of a loop does
            await asyncio.sleep(0)
        else:
            face(client).breakers.close()
            until(lambda: not prober.is_alive(), "nobody looks after it")
        own.resume()
        with pytest.raises(CircuitOpenError):
            await client.get("k")
        await recovered(client)


@every_kind
async def test_who_asks_in_spite_of_it_opens_nothing(kind: Kind, own: EmbeddedServer) -> None:
    """is_healthy() asks while it is open, also under a deadline; and says nothing when it is closed."""
    client, states = observed(kind, own.url)
    async with client:
        own.pause()
        assert await client.is_healthy() is False
        assert states.seen == []
        with pytest.raises(ServerTimeoutError):
            await client.get("k")
        own.resume()
        assert not face(client).breakers.are_closed
        with deadline(10):
            assert await client.is_healthy() is True


@every_kind
async def test_a_lock_that_was_perhaps_taken_is_no_refusal(kind: Kind, own: EmbeddedServer) -> None:
    """The first who asks a hung server opens the breaker; but it has asked, and must undo that."""
    client, _ = observed(kind, own.url)
    async with client:
        await client.get("k")
        own.pause()
        with pytest.raises(ServerUnavailableError) as caught:
            await _acquire(client)
        assert type(caught.value) is ServerTimeoutError
        own.resume()


class Spoiler(Observer):
    """Opens the breaker as soon as a waiter has its place in the queue of a lock."""

    def __init__(self) -> None:
        self.calls = 0
        self.client: Any = None

    def on_round_trip(self, trip: RoundTrip) -> None:
        """Open it after the second call of the script."""
        self.calls += trip.script == "lock"
        if self.calls == 2:
            breakers = self.client.breakers
            queued = (Command(("GET", "k"), str),)
            breakers.failed(queued, ServerTimeoutError("by hand"), breakers.recoveries)


@every_kind
async def test_who_leaves_the_queue_of_a_lock_says_so_all_the_same(
    kind: Kind, server: EmbeddedServer
) -> None:
    """The breaker opened while it waited."""
    spoiler, name = Spoiler(), f"left:{kind}"
    client = kind.of(ValkeyConfig(url=kind.url(server.url), **SHORT), observers=[spoiler])
    async with client, kind.client(server.url) as other:
        spoiler.client = face(client)
        held = face(other).lock(name)
        await _called(held.acquire())
        with deadline(0.2), pytest.raises(ServerUnavailableError):
            await _called(face(client).lock(name).acquire())
        with valkey.Valkey(port=server.port) as node:
            assert node.exists(LockKeys("app", name).queue) == 0
        assert spoiler.calls > 2
        await _called(held.release())


@every_kind
async def test_to_give_a_lock_back_is_said_twice_all_the_same(
    kind: Kind, own: EmbeddedServer
) -> None:
    """The breaker is open, the caller's time is over, and the first reply is lost."""
    with Proxy(own.port) as proxy:
        client, _ = observed(kind, f"valkey://127.0.0.1:{proxy.port}")
        async with client:
            held = face(client).lock("l", timeout=60)
            await _called(held.acquire())
            own.pause()
            with pytest.raises(ServerTimeoutError):
                await client.get("k")
            own.resume()
            before = proxy.seen[b"EVALSHA"]
            proxy.lose_reply(b"EVALSHA")
            with deadline(0):
                await _called(held.release())
            assert proxy.seen[b"EVALSHA"] - before == 2


@every_kind
async def test_a_call_of_the_last_outage_says_nothing_now(kind: Kind, server: Any) -> None:
    """It began before the breaker was closed again, and its timeout comes only now."""
    client, states = observed(kind, server.url)
    async with client:
        command = Command(("GET", "k"), str)
        caller = face(client)._caller
        with suppress(ServerTimeoutError), Call(caller, (command,)):
            with suppress(ServerTimeoutError), Call(caller, (command,)):
                raise ServerTimeoutError
            assert not face(client).breakers.are_closed
            await recovered(client)
            raise ServerTimeoutError
        assert [state for _, state in states.seen] == ["open", "half_open", "closed"]
        await client.get("k")


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (("GET", "k"), "k"),
        (("MGET", b"k", "l"), b"k"),
        (("EVALSHA", "sha", 2, "k", "l", "word"), "k"),
        (("EVALSHA", "sha", 0, "word"), None),
        (("PING",), None),
    ],
)
def test_a_command_is_of_the_shard_of_its_first_key(words: tuple[Any, ...], key: Any) -> None:
    """A script's hash is no key, nor is what it is told; a command without one may go anywhere."""
    assert _key(words) == key


async def test_who_fails_while_it_is_open_changes_nothing(server: EmbeddedServer) -> None:
    """Others had begun when it opened: neither the reason nor the time of the next look is theirs."""
    client, _ = observed(Kind("async", "valkey"), server.url)
    async with client:
        command = Command(("GET", "k"), str)
        with suppress(ServerTimeoutError), Call(client._caller, (command,)):
            with suppress(ServerTimeoutError), Call(client._caller, (command,)):
                raise ServerTimeoutError("first")
            raise ServerTimeoutError("second")
        with pytest.raises(CircuitOpenError, match="it failed: first"):
            await client.get("k")


@every_kind
async def test_what_fails_for_want_of_time_says_nothing(kind: Kind, server: Any) -> None:
    """A driver that looks for a cluster says "unavailable", also if it was the caller's deadline."""
    client, states = observed(kind, server.url)
    async with client:
        caller, command = face(client)._caller, Command(("GET", "k"), str)
        with deadline(0.05), suppress(ServerUnavailableError), Call(caller, (command,)):
            while remaining():
                pass
            raise ServerUnavailableError
    assert states.seen == []


@every_kind
async def test_a_client_that_nobody_has_is_looked_after_by_nobody(
    kind: Kind, own: EmbeddedServer
) -> None:
    """Dropped while the server is away, and never closed: what looks for it ends, and it is gone."""
    own.pause()

    async def use() -> tuple[Any, Any]:
        made, states = observed(kind, own.url)
        client = face(made)
        with suppress(ServerTimeoutError):
            await _called(client.get("k"))

        async def has_looked() -> bool:
            return [state for _, state in states.seen] == ["open", "half_open", "open"]

        await auntil(has_looked, "it was looked for once")
        return weakref.ref(client), next(iter(client.breakers._probers.values()))

    client, prober = await use()

    async def is_gone() -> bool:
        gc.collect()
        is_over = prober.done() if kind.face == "async" else not prober.is_alive()
        return client() is None and is_over

    await auntil(is_gone, "nobody looks any more")
    own.resume()


TRACE: ContextVar[str] = ContextVar("TRACE", default="nobody's")


class Traces(Observer):
    """Notes whose the round trips are."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def on_round_trip(self, trip: RoundTrip) -> None:
        """Note it."""
        self.seen.append((trip.name, TRACE.get()))


@every_kind
async def test_who_looks_is_nobodys_child(kind: Kind, own: EmbeddedServer) -> None:
    """It outlives the caller whose trouble began it: it has neither its trace nor its deadline."""
    traces = Traces()
    client = kind.of(ValkeyConfig(url=kind.url(own.url), **SHORT), observers=[traces])
    async with client:
        own.pause()
        TRACE.set("mine")
        with deadline(0.4), pytest.raises(ServerTimeoutError):
            await client.get("k")
        own.resume()
        await recovered(client)
        assert traces.seen[0] == ("GET", "mine")
        assert set(traces.seen[1:]) == {("EXISTS", "nobody's")}


@pytest.mark.parametrize("driver", ["valkey", "redis"])
async def test_a_thread_too_many_is_nobodys_error(
    driver: str, own: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None can be started to look: the caller has the server's error, and the next one tries."""
    client, _ = observed(Kind("sync", driver), own.url)

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async with client:
        own.pause()
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            with pytest.raises(ServerTimeoutError):
                await client.get("k")
            cache = cache_of(client)
            assert await cache.invalidate("k") is False
        own.resume()
        with pytest.raises(CircuitOpenError):
            await client.get("k")
        await recovered(client)


@pytest.mark.parametrize("is_tidy", [True, False])
@pytest.mark.parametrize("driver", ["valkey", "redis"])
def test_who_looks_in_a_loop_that_ended_is_replaced(
    driver: str, own: EmbeddedServer, *, is_tidy: bool
) -> None:
    """Its task was cancelled with the loop, or left behind in it."""
    client, _ = observed(Kind("async", driver), own.url)

    async def begin() -> None:
        own.pause()
        with pytest.raises(ServerTimeoutError):
            await client.get("k")
        await client.raw.aclose()

    async def go_on() -> None:
        own.resume()
        with pytest.raises(CircuitOpenError):
            await client.get("k")
        await recovered(client)
        await client.close()

    if is_tidy:
        asyncio.run(begin())
    else:
        loop = asyncio.new_event_loop()
        loop.run_until_complete(begin())
        loop.close()
    asyncio.run(go_on())


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
        together = [str(number) for number in range(20)]  # of all shards
        kept = []
        for cache in caches:
            await cache.set_many(dict.fromkeys(together, "kept"))
            entry = cache.own._keys.entry
            kept.append([key for key in together if cluster.primary_of(entry(key)) is not dead])
        dead.kill()
        for (client, states, kind), cache in zip(clients, caches, strict=True):
            with pytest.raises(ServerUnavailableError):
                await _fail(client, doomed)
            for key in living:
                assert await client.get(key) == key, (kind, key)
            assert await cache.get_or_set(entries[str(kind)], lambda: "loaded") == "loaded"
            wanted = [entries[str(kind)], *together]
            found = dict(zip(wanted, await asyncio.gather(*map(cache.get, wanted)), strict=True))
            assert {found[key] for key in kept[caches.index(cache)]} == {"kept"}, kind
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
