"""Limiters whose server dies, hangs, refuses, or whose reply is lost."""

import asyncio
import itertools
import types
from collections.abc import Callable, Coroutine, Generator, Iterator
from functools import partial
from typing import Any

import pytest
from tests.support.backends import Kind, every_kind
from tests.support.limiters import DAY, FIVE, HOUR, AwaitedLimiter, limiter_of
from tests.support.outages import record, verbs
from tests.support.proxy import Proxy
from tests.support.waiting import auntil

from valkey_redis import (
    AsyncRateLimiter,
    AsyncValkeyClient,
    FixedWindow,
    ServerUnavailableError,
    SlidingLog,
)
from valkey_redis.embedded import EmbeddedServer
from workshop.clock import virtual_time

SHORT = {"timeout": 0.2, "connect_timeout": 0.2, "health_check_interval": 0}
WAYS = ("open", "closed", "local")


@pytest.fixture
def own(request: pytest.FixtureRequest) -> Iterator[EmbeddedServer]:
    """Return a server that the test may kill."""
    request.getfixturevalue("server")  # decides on the platform, and fails first if it must
    with EmbeddedServer() as started:
        yield started


async def asks_again(limiter: AwaitedLimiter) -> None:
    """Wait until the limiter asks the server again."""

    async def is_back() -> bool:
        return not (await limiter.peek("nobody")).is_degraded

    await auntil(is_back, "the server decides again")


@every_kind
async def test_a_hit_whose_reply_was_lost_is_counted_once(
    kind: Kind, server: EmbeddedServer
) -> None:
    """It is not sent again; the decision is the outage's, and the next ones are the server's."""
    with Proxy(server.port) as proxy:
        url = f"valkey://127.0.0.1:{proxy.port}"
        async with kind.client(url, **SHORT, retry_attempts=3) as client:
            for name in ("gcra", "log"):
                policy = FIVE[name]
                subject = f"{name}:{kind}"
                limiter = limiter_of(client, policy, on_outage="closed")
                assert (await limiter.hit(subject)).remaining == 4
                before = proxy.seen[b"EVALSHA"]
                proxy.lose_reply(b"EVALSHA")
                lost = await limiter.hit(subject)
                assert (lost.allowed, lost.is_degraded) == (False, True)
                assert proxy.seen[b"EVALSHA"] - before == 1
                await asks_again(limiter)
                assert (await limiter.peek(subject)).remaining == 3
                await limiter.reset(subject)


@every_kind
@pytest.mark.parametrize("way", WAYS)
async def test_without_a_server_it_is_as_was_decided(
    kind: Kind, way: Any, own: EmbeddedServer
) -> None:
    """Open, closed, or this process alone by the same limits; then the server decides again."""
    async with kind.client(own.url, **SHORT) as client:
        limiter = limiter_of(client, FixedWindow(2, 30 * DAY), on_outage=way)
        assert (await limiter.hit("k")).remaining == 1
        own.kill()
        decisions = [await limiter.hit("k") for _ in range(4)]
        assert {decision.is_degraded for decision in decisions} == {True}
        expected = {"open": [True] * 4, "closed": [False] * 4, "local": [True, True, False, False]}
        assert [decision.allowed for decision in decisions] == expected[way]
        assert all("RateLimit" not in decision.headers() for decision in decisions)
        assert ("Retry-After" in decisions[-1].headers()) is (way != "open")
        with pytest.raises(ServerUnavailableError):
            await limiter.reset("k")
        if way == "local":
            assert (await limiter.peek("k")).remaining == 2  # reset forgot them here, too
        own.start()
        await asks_again(limiter)
        again = await limiter.hit("k")
        assert (again.remaining, again.is_degraded) == (1, False)


@every_kind
async def test_a_hung_server_costs_one_timeout(
    kind: Kind, own: EmbeddedServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The first caller waits for it; the others are decided without asking, but for a probe.

    It is logged once, by the breaker.
    """
    with Proxy(own.port) as proxy:
        url = f"valkey://127.0.0.1:{proxy.port}"
        async with kind.client(url, **SHORT) as client:
            limiter = limiter_of(client, SlidingLog(5, HOUR))
            await asks_again(limiter)  # it may be slow to connect
            own.pause()
            before = proxy.seen[b"EVALSHA"]
            assert (await limiter.hit("k")).is_degraded
            with virtual_time() as clock:  # no time passes between these
                clock.advance(0)
                degraded = [(await limiter.hit("k")).is_degraded for _ in range(50)]
            assert degraded == [True] * 50
            assert [record.name for record in caplog.records] == ["valkey_redis.breakers"]
            assert proxy.seen[b"EVALSHA"] - before == 1
            own.resume()
            await asks_again(limiter)


@every_kind
async def test_a_refusal_is_an_outage_that_does_not_last(
    kind: Kind, own: EmbeddedServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A server without memory decides nothing; once it has some, the very next call is its own."""
    async with kind.client(own.url) as client:
        limiter = limiter_of(client, FixedWindow(2, 30 * DAY), on_outage="closed")
        await limiter.hit("k")
        await client.raw.execute_command("CONFIG SET", "maxmemory", 1)
        assert [(await limiter.hit("k")).is_degraded for _ in range(3)] == [True] * 3
        assert [one.levelname for one in caplog.records] == ["WARNING"]  # once
        await client.raw.execute_command("CONFIG SET", "maxmemory", 0)
        again = await limiter.hit("k")
        assert (again.allowed, again.remaining, again.is_degraded) == (True, 0, False)


# Tasks that are cancelled --------------------------------------------------------------------


@types.coroutine
def cancelled_at(
    hit: Coroutine[Any, Any, Any], times: int, was_cancelled: asyncio.Event
) -> Generator[Any, None, Any]:
    """Await the hit, and cancel the task where it waits for the so-manieth time."""
    task, waiting = asyncio.current_task(), hit.__await__()
    assert task is not None
    go_on: Callable[[], Any] = partial(waiting.send, None)
    try:
        for number in itertools.count(1):
            wanted = go_on()
            if number == times:
                was_cancelled.set()
                asyncio.get_running_loop().call_soon(task.cancel)
            try:
                yield wanted
            except BaseException as error:  # noqa: BLE001 - what it waited for, or the cancellation
                go_on = partial(waiting.throw, error)
            else:
                go_on = partial(waiting.send, None)
    except StopIteration as end:
        return end.value


async def _finish(hit: Any) -> Any:
    return await hit


@pytest.mark.parametrize("driver", ["valkey", "redis"])
async def test_a_cancelled_hit_leaves_the_others_right(driver: str, server: EmbeddedServer) -> None:
    """At each point where the first of many waits: the others have their decisions, each once."""
    async with AsyncValkeyClient(Kind("async", driver).url(server.url)) as client:
        cancelled = 0
        for times in itertools.count(1):
            limiter = AsyncRateLimiter(client, SlidingLog(100, HOUR))
            await limiter.reset("k")
            await client.close()  # to connect anew is more points
            was_cancelled = asyncio.Event()
            hit = cancelled_at(limiter.hit("k"), times, was_cancelled)
            first = asyncio.ensure_future(_finish(hit))
            await asyncio.sleep(0)
            others = [asyncio.ensure_future(limiter.hit("k")) for _ in range(6)]
            await asyncio.sleep(0)
            others.pop().cancel()  # before it was sent: it asked nothing
            decisions = await asyncio.gather(*others)
            await asyncio.wait({first})
            assert not any(decision.is_degraded for decision in decisions)
            left = {decision.remaining for decision in decisions}
            assert len(left) == 5
            used = 100 - (await limiter.peek("k")).remaining
            assert used == 100 - min(left)
            assert used in {5, 6}
            assert 0 < await client.ttl(f"app:limit:{{k}}:{limiter.policies[0].key}") <= HOUR + 1
            if not was_cancelled.is_set():
                break  # it has fewer points
            cancelled += first.cancelled()  # a driver may have swallowed it, and gone on
        assert cancelled > 1


async def test_a_batch_whose_callers_are_cancelled_is_right(server: EmbeddedServer) -> None:
    """Those who leave while their batch is under way are counted, and nobody else is hurt."""
    async with AsyncValkeyClient(server.url) as client:
        limiter = AsyncRateLimiter(client, SlidingLog(100, HOUR))
        await limiter.reset("k")
        first = asyncio.ensure_future(limiter.hit("k"))
        await asyncio.sleep(0)
        rest = [asyncio.ensure_future(limiter.hit("k")) for _ in range(8)]
        await first
        await asyncio.sleep(0)  # their batch is on its way
        for task in rest[::2]:
            task.cancel()
        decisions = await asyncio.gather(*rest[1::2])
        assert all(decision.allowed for decision in decisions)
        assert (await limiter.peek("k")).remaining == 91
        assert (await limiter.hit("k")).remaining == 90


@pytest.mark.parametrize("driver", ["valkey", "redis"])
async def test_fifty_hits_are_two_round_trips(driver: str, server: EmbeddedServer) -> None:
    """The first goes at once, the others together, whatever their subjects."""
    async with AsyncValkeyClient(Kind("async", driver).url(server.url)) as client:
        recorder = record(client)
        limiter = AsyncRateLimiter(client, SlidingLog(2, HOUR))
        await limiter.reset("nobody")
        recorder.clear()
        decisions = await asyncio.gather(*[limiter.hit(f"{driver}:{i}") for i in range(50)])
        assert len(decisions) == 50
        assert all(decision.remaining == 1 for decision in decisions)
        assert verbs(recorder) in (["EVALSHA", "EVALSHA"], ["EVALSHA", "EVAL", "EVALSHA"])
