"""Redlock over three real servers, of which a minority may be dead or hang."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack
from typing import Any

import pytest
import pytest_asyncio
import valkey
from tests.support.backends import Kind, every_kind
from tests.support.faces import AwaitableClient

from valkey_redis import (
    AsyncRedlock,
    InvalidArgumentError,
    LockLostError,
    LockNotAcquiredError,
    Redlock,
    ValkeyClient,
)
from valkey_redis.embedded import EmbeddedServer

Servers = list[EmbeddedServer]
QUICK = {"timeout": 0.2, "connect_timeout": 0.2}
KEY = "app:lock:{report}"


@pytest.fixture(scope="module")
def three(server: EmbeddedServer) -> Iterator[Servers]:
    """Return three servers for all tests of this file."""
    assert server.is_running  # the fixture decides on the platform
    with ExitStack() as stack:
        yield [stack.enter_context(EmbeddedServer()) for _ in range(3)]


@pytest.fixture
def servers(three: Servers) -> Servers:
    """Return them running and empty."""
    for one in three:
        if not one.is_running:
            one.start()
        with valkey.Valkey(port=one.port) as client:
            client.flushall()
    return three


@pytest_asyncio.fixture(params=["sync", "async"])
async def make(request: pytest.FixtureRequest, servers: Servers) -> AsyncIterator[Any]:
    """Return a maker of Redlocks of one face."""
    async with AsyncExitStack() as stack:
        kind = Kind(request.param, "valkey")

        async def made(**settings: Any) -> Any:
            clients = [
                await stack.enter_async_context(kind.client(one.url, **QUICK)) for one in servers
            ]
            if isinstance(clients[0], AwaitableClient):
                return Redlock([client.sync for client in clients], "report", **settings)
            return AsyncRedlock(clients, "report", **settings)

        yield made


async def _of(made: Any) -> Any:
    return await made if inspect.isawaitable(made) else made


def _holders(servers: Servers) -> list[str | None]:
    """Return whose lock each running server has; each key must expire."""
    found = []
    for one in servers:
        if one.is_running:
            with valkey.Valkey(port=one.port, decode_responses=True) as client:
                assert all(client.pttl(key) > 0 for key in client.scan_iter())
                found.append((client.get(KEY) or "").partition(":")[0] or None)
    return found


async def test_one_has_it_on_every_server(make: Any, servers: Servers) -> None:
    """And nobody else, until it is released."""
    lock, other = await make(), await make(blocking=False)
    held = await _of(lock.acquire())
    assert _holders(servers) == [held.token] * 3
    assert not held.lost
    with pytest.raises(LockNotAcquiredError, match="no majority"):
        await _of(other.acquire())
    assert _holders(servers) == [held.token] * 3
    await _of(held.release())
    assert _holders(servers) == [None] * 3
    await _of((await _of(other.acquire())).release())


async def test_who_waits_gets_it_after_the_release(make: Any) -> None:
    """It tries again after pauses of chance."""
    lock, other = await make(), await make(sleep=0.02)
    held = await _of(lock.acquire())
    waiting = asyncio.ensure_future(
        asyncio.to_thread(other.acquire) if isinstance(other, Redlock) else other.acquire()
    )
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(asyncio.shield(waiting), 0.1)
    await _of(held.release())
    await _of((await asyncio.wait_for(waiting, 10)).release())


async def test_a_minority_may_be_dead(make: Any, servers: Servers) -> None:
    """With two of three it is had; with one it is not, and that one is given back."""
    servers[0].kill()
    lock = await make(blocking=False)
    held = await _of(lock.acquire())
    assert _holders(servers) == [held.token] * 2
    await _of(held.release())
    servers[1].kill()
    with pytest.raises(LockNotAcquiredError):
        await _of(lock.acquire())
    assert _holders(servers) == [None]


async def test_half_a_majority_is_given_back(make: Any, servers: Servers) -> None:
    """Where another has two of three, the third is left as it was."""
    for one in servers[:2]:
        with valkey.Valkey(port=one.port) as client:
            client.set(KEY, "f" * 16 + ":1", px=60_000)
    lock = await make(blocking_timeout=0.1, sleep=0.02)
    with pytest.raises(LockNotAcquiredError):
        await _of(lock.acquire())
    assert _holders(servers) == ["f" * 16] * 2 + [None]


async def test_what_took_longer_than_the_lease_is_not_had(make: Any, servers: Servers) -> None:
    """The time of asking counts: a server that hangs costs more than this lease."""
    servers[0].pause()
    lock = await make(timeout=0.1, blocking=False)
    with pytest.raises(LockNotAcquiredError):
        await _of(lock.acquire())
    servers[0].resume()


async def test_extending_takes_a_majority(make: Any, servers: Servers) -> None:
    """Without one the lock is lost; what is lost on a minority is not."""
    lock = await make()
    held = await _of(lock.acquire())
    await _of(held.extend(100))
    with valkey.Valkey(port=servers[0].port) as client:
        assert 99_000 < client.pttl(KEY) <= 100_000
    for one, is_lost in ((servers[0], False), (servers[1], True)):
        with valkey.Valkey(port=one.port) as client:
            client.delete(KEY)
        if is_lost:
            with pytest.raises(LockLostError):
                await _of(held.extend())
        else:
            await _of(held.extend())
        assert held.lost is is_lost
    await _of(held.release())
    assert _holders(servers) == [None] * 3


async def test_it_is_lost_before_its_lease_ends(make: Any) -> None:
    """By as much as the servers' clocks may differ, in their favour."""
    lock = await make(timeout=10)
    held = await _of(lock.acquire())
    assert lock.ends(100.0, 10_000) == pytest.approx(109.898)
    assert not held.lost
    held._until = 0
    assert held.lost


@every_kind
async def test_every_driver_will_do(kind: Kind, servers: Servers) -> None:
    """A block releases, also when it fails."""
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(kind.client(one.url)) for one in servers]
        with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the block is what is tested
            if kind.face == "sync":
                with Redlock([client.sync for client in clients], "report").acquire():
                    assert None not in _holders(servers)
                    raise ZeroDivisionError
            else:
                async with await AsyncRedlock(clients, "report").acquire():
                    assert None not in _holders(servers)
                    raise ZeroDivisionError
    assert _holders(servers) == [None] * 3


async def test_a_cancelled_acquire_gives_all_back(servers: Servers) -> None:
    """Also what only came to be known after that."""
    async with AsyncExitStack() as stack:
        kind = Kind("async", "valkey")
        clients = [await stack.enter_async_context(kind.client(one.url)) for one in servers]
        for turns in range(12):
            task = asyncio.ensure_future(AsyncRedlock(clients, "report").acquire())
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait({task})
            if not task.cancelled():
                await task.result().release()
            assert _holders(servers) == [None] * 3


def test_bad_settings() -> None:
    """One clear line says what was given."""
    one, two, three = (ValkeyClient(f"valkey://127.0.0.1:{port}") for port in (1, 2, 3))
    for clients in ([one, two], [one, two, two]):
        with pytest.raises(
            InvalidArgumentError, match="takes 3 or more, each of a server of its own"
        ):
            Redlock(clients, "report")
    for settings in ({"timeout": 0}, {"sleep": -1}, {"blocking_timeout": -1}, {"name": ""}):
        with pytest.raises(InvalidArgumentError, match=next(iter(settings))):
            Redlock([one, two, three], **{"name": "report", **settings})
