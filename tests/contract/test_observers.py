"""What observers are told of a client's round trips, over both drivers and faces."""

import time
import traceback
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from tests.support.backends import Kind, every_kind
from tests.support.limiters import FIVE, limiter_of
from tests.support.proxy import Proxy

from valkey_redis import (
    CircuitOpenError,
    CommandError,
    Decision,
    Observer,
    RoundTrip,
    ServerTimeoutError,
    ValkeyConfig,
    ValkeyRedisError,
    configure,
    get_client,
)
from valkey_redis.commands import Command
from valkey_redis.embedded import EmbeddedServer

SECRET = "hunter2"  # in every key and value
SHORT = {"timeout": 0.2, "connect_timeout": 0.2, "health_check_interval": 0}


class Notes(Observer):
    """Notes all that it is told."""

    def __init__(self) -> None:
        self.trips: list[RoundTrip] = []
        self.retries: list[tuple[str, str]] = []
        self.decisions: list[Decision] = []

    def on_round_trip(self, trip: RoundTrip) -> None:
        """Note it."""
        self.trips.append(trip)

    def on_retry(self, server: str, name: str) -> None:
        """Note it."""
        self.retries.append((server, name))

    def on_limit(self, decision: Decision) -> None:
        """Note it."""
        self.decisions.append(decision)


class Broken(Observer):
    """Raises whatever it is told."""

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("on_"):
            raise ValueError(SECRET)
        return super().__getattribute__(name)


@pytest.fixture
def own(request: pytest.FixtureRequest) -> Iterator[EmbeddedServer]:
    """Return a server that the test may pause."""
    request.getfixturevalue("server")  # decides on the platform, and fails first if it must
    with EmbeddedServer() as started:
        yield started


def observed(kind: Kind, url: str, *observers: Observer, **settings: Any) -> Any:
    """Return a client that is observed."""
    return kind.of(ValkeyConfig(url=kind.url(url), **settings), observers=observers)


@every_kind
async def test_each_round_trip_is_told_once(kind: Kind, server: EmbeddedServer) -> None:
    """Its command, or PIPELINE and how many; its script's name; its error; when, and how long."""
    notes = Notes()
    async with observed(kind, server.url, notes) as client:
        before = time.time_ns()
        await client.set(SECRET, SECRET)
        await client.get(SECRET)
        await client.pipeline().get(SECRET).set(SECRET, "2").execute()
        await client.pipeline().get(SECRET).get(SECRET).execute()
        await client.incr(f"n:{SECRET}", ex=1)
        with pytest.raises(CommandError):
            await client.incr(SECRET)
        await client.delete(SECRET)
        told = [(trip.name, trip.size, trip.script, type(trip.error)) for trip in notes.trips]
        nothing = type(None)
        assert told == [
            ("SET", 1, None, nothing),
            ("GET", 1, None, nothing),
            ("PIPELINE", 2, None, nothing),
            ("GET", 2, None, nothing),
            ("EVALSHA", 1, "incr", nothing),
            ("INCRBY", 1, None, CommandError),
            ("UNLINK", 1, None, nothing),
        ]
        for trip in notes.trips:
            assert (trip.driver, trip.host, trip.port) == (kind.driver, "127.0.0.1", server.port)
            assert trip.server == f"{kind.driver}://127.0.0.1:{server.port}"
            assert before <= trip.started <= time.time_ns()
            assert trip.seconds > 0
        assert SECRET not in repr(notes.trips)


@every_kind
async def test_a_refusal_quotes_no_command(kind: Kind, own: EmbeddedServer) -> None:
    """Drivers quote what failed in a transaction, servers what they do not know: with keys, and values."""
    notes = Notes()
    async with observed(kind, own.url, notes) as client:
        await client.raw.execute_command("CONFIG SET", "maxmemory", 1)
        unknown = Command(("UNHEARD", SECRET, SECRET), str)
        for call in (
            lambda: client.pipeline(transaction=True).set(SECRET, f"{SECRET}) of").execute(),
            lambda: client.pipeline(transaction=True).add(unknown).get("k").execute(),
            lambda: client.send(unknown),
        ):
            with pytest.raises(CommandError) as caught:
                await call()
            assert SECRET not in "".join(traceback.format_exception(caught.value))
            assert "not allowed" in str(caught.value) or "unknown command" in str(caught.value)
        assert SECRET not in repr(notes.trips)


@every_kind
async def test_outages_and_retries_are_told(kind: Kind, own: EmbeddedServer) -> None:
    """Each command that is sent again; the round trip that failed; the calls that are refused."""
    notes = Notes()
    with Proxy(own.port) as proxy:
        url = f"valkey://127.0.0.1:{proxy.port}"
        settings = {"retry_attempts": 2, "retry_base": 0.01, "retry_cap": 0.01}
        async with observed(kind, url, notes, **SHORT, **settings) as client:
            await client.set("k", 1)
            proxy.lose_reply(b"GET", 2)
            assert await client.get("k") == 1
            server = f"{kind.driver}://127.0.0.1:{proxy.port}"
            assert notes.retries == [(server, "GET")] * 2
            assert notes.trips[-1].error is None
            own.pause()
            notes.trips.clear()
            notes.retries.clear()
            with pytest.raises(ServerTimeoutError):
                await client.get("k")
            assert notes.retries == [(server, "GET")] * 2
            with pytest.raises(CircuitOpenError):
                await client.get("k")
            asked = [trip for trip in notes.trips if trip.name == "GET"]
            assert [type(trip.error) for trip in asked] == [ServerTimeoutError, CircuitOpenError]
            assert asked[0].seconds >= 0.2 > asked[1].seconds == 0.0
            own.resume()


@every_kind
async def test_decisions_are_told(kind: Kind, server: EmbeddedServer) -> None:
    """Of a limiter: those of the server, as they were."""
    notes = Notes()
    async with observed(kind, server.url, notes) as client:
        limiter = limiter_of(client, FIVE["gcra"])
        subject = f"told:{kind}"
        given = [await limiter.hit(subject, 5), await limiter.hit(subject)]
        assert notes.decisions == given
        assert [decision.allowed for decision in given] == [True, False]
        await limiter.reset(subject)


@every_kind
async def test_an_observer_that_raises_hurts_nobody(
    kind: Kind, server: EmbeddedServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The caller has its value, the other observers are told, and it is logged once, without text."""
    notes = Notes()
    async with observed(kind, server.url, Broken(), notes) as client:
        for _ in range(3):
            await client.set("k", 1)
        with suppress(ValkeyRedisError):
            await client.raw.execute_command("PING")
    assert len(notes.trips) == 3
    assert [record.getMessage() for record in caplog.records] == [
        "Broken.on_round_trip raised ValueError"
    ]


def test_the_default_client_is_observed(server: EmbeddedServer) -> None:
    """configure() takes the observers of the default client, until it is called again."""
    notes = Notes()
    configure(ValkeyConfig(url=server.url), observers=[notes])
    try:
        get_client().get("k")
        assert [trip.name for trip in notes.trips] == ["GET"]
    finally:
        get_client().close()
        configure()
