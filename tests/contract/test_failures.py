"""What a caller sees when a real server dies, hangs or comes back."""

import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from tests.support.backends import Kind, every_kind
from tests.support.proxy import Proxy

from valkey_redis import (
    CommandError,
    ServerTimeoutError,
    ServerUnavailableError,
)
from valkey_redis.commands import call
from valkey_redis.embedded import EmbeddedServer
from valkey_redis.scripts import Script

BOUND = 10.0  # seconds: generous; the timeouts that are tested are tenths
SHORT = {"timeout": 0.2, "connect_timeout": 0.2, "retry_base": 0.01, "retry_cap": 0.02}


@pytest.fixture
def own(request: pytest.FixtureRequest) -> Iterator[EmbeddedServer]:
    """Return a server that the test may kill."""
    request.getfixturevalue("server")  # decides on the platform, and fails first if it must
    with EmbeddedServer() as started:
        yield started


class Pauses:
    """A driver's backoff that counts its pauses, and does something in the first."""

    def __init__(self, action: Any = None) -> None:
        self.count = 0
        self._action = action

    def reset(self) -> None:
        """Start anew."""

    def compute(self, _failures: int) -> float:
        """Return no pause."""
        self.count += 1
        if self._action is not None and self.count == 1:
            self._action()
        return 0


def _pause_by(client: Any, pauses: Pauses) -> None:
    raw = client.raw if not hasattr(client, "sync") else client.sync.raw
    raw._retry._backoff = pauses


@every_kind
async def test_a_killed_server_is_unavailable_within_the_timeouts(
    kind: Kind, own: EmbeddedServer
) -> None:
    """Every method says so in time, as ServerUnavailableError; is_healthy() is False."""
    async with kind.client(own.url, **SHORT) as client:
        await client.set("k", 1)
        own.kill()
        started = time.monotonic()
        for call in (
            client.get("k"),
            client.set("k", 1),
            client.incr("n", ex=5),
            client.delete("a", "b"),
            client.pipeline().get("k").execute(),
            client.publish("c", 1),
            anext(client.scan()),
        ):
            with pytest.raises(ServerUnavailableError) as caught:
                await call
            assert len(str(caught.value).splitlines()) == 1
            assert f"127.0.0.1:{own.port}" in str(caught.value)
        with pytest.raises(ServerUnavailableError):
            await client.pubsub("c").__aenter__()
        assert await client.is_healthy() is False
        assert time.monotonic() - started < BOUND


@every_kind
async def test_a_server_that_came_back_is_used_again(kind: Kind, own: EmbeddedServer) -> None:
    """The same client works again after a restart, and after a freeze."""
    async with kind.client(own.url, **SHORT) as client:
        await client.set("k", 1)
        own.kill()
        assert await client.is_healthy() is False
        own.start()
        assert await client.is_healthy() is True
        assert await client.incr("n") == 1
        own.pause()
        assert await client.is_healthy() is False
        own.resume()
        assert await client.get("k") is None
        assert await client.incr("n") == 2


@every_kind
async def test_a_hung_server_times_out(kind: Kind, own: EmbeddedServer) -> None:
    """ServerTimeoutError after the timeout: with repetitions for a GET, without for an INCR."""
    calls = {
        "incr": lambda client: client.incr("n"),
        "get": lambda client: client.get("k"),
        "pipeline": lambda client: client.pipeline().get("k").execute(),
    }
    pauses, settings = Pauses(), SHORT | {"retry_attempts": 2}
    async with AsyncExitStack() as stack:
        # A client each: after the first timeout its breaker is open.
        clients = [await stack.enter_async_context(kind.client(own.url, **settings)) for _ in calls]
        for client in clients:
            _pause_by(client, pauses)
            await client.set("k", 1)
        own.pause()
        started = time.monotonic()
        for (name, call), client in zip(calls.items(), clients, strict=True):
            before = pauses.count
            with pytest.raises(ServerTimeoutError):
                await call(client)
            assert pauses.count - before == (2 if name == "get" else 0)
        assert time.monotonic() - started < BOUND
        own.resume()


@every_kind
async def test_health_is_asked_once(kind: Kind, own: EmbeddedServer) -> None:
    """is_healthy() of a hung server is False after one PING: it is not repeated."""
    with Proxy(own.port) as proxy:
        url = f"valkey://127.0.0.1:{proxy.port}"
        async with kind.client(url, **SHORT, health_check_interval=0) as client:
            assert await client.is_healthy() is True
            own.pause()
            assert await client.is_healthy() is False
            assert proxy.seen[b"PING"] == 2
            own.resume()
            assert await client.is_healthy() is True


@every_kind
@pytest.mark.parametrize("action", ["incr", "incr_ex", "set", "delete", "pipeline", "transaction"])
async def test_a_write_whose_reply_was_lost_is_not_sent_again(
    kind: Kind, action: str, own: EmbeddedServer
) -> None:
    """The caller is told that it may or may not have happened, and it happened once."""
    with Proxy(own.port) as proxy:
        async with kind.client(f"valkey://127.0.0.1:{proxy.port}", **SHORT) as client:
            await client.incr("n", ex=100)  # the script is known, a connection is open
            calls: dict[str, tuple[bytes, Any]] = {
                "incr": (b"INCRBY", lambda: client.incr("n")),
                "incr_ex": (b"EVALSHA", lambda: client.incr("n", ex=100)),
                "set": (b"SET", lambda: client.set("n", 2)),
                "delete": (b"UNLINK", lambda: client.delete("n")),
                "pipeline": (b"INCRBY", lambda: client.pipeline().incr("n").execute()),
                "transaction": (
                    b"EXEC",
                    lambda: client.pipeline(transaction=True).incr("n").execute(),
                ),
            }
            command, call = calls[action]
            before = proxy.seen[command]
            proxy.lose_reply(command)
            with pytest.raises(ServerUnavailableError):
                await call()
            assert (proxy.lost, proxy.seen[command] - before) == (1, 1)
            assert await client.get("n") == (None if action == "delete" else 2)


@every_kind
async def test_a_read_whose_reply_was_lost_is_sent_again(kind: Kind, own: EmbeddedServer) -> None:
    """The caller of a GET notices nothing, as often as `retry_attempts` says."""
    with Proxy(own.port) as proxy:
        url = f"valkey://127.0.0.1:{proxy.port}"
        async with kind.client(url, **SHORT, retry_attempts=3) as client:
            await client.set("k", 1)
            proxy.lose_reply(b"GET", times=3)
            assert await client.get("k") == 1
            assert (proxy.lost, proxy.seen[b"GET"]) == (3, 4)
            proxy.lose_reply(b"GET", times=4)
            with pytest.raises(ServerUnavailableError):
                await client.get("k")
            assert (proxy.lost, proxy.seen[b"GET"]) == (7, 8)


@every_kind
async def test_a_repeatable_command_whose_reply_was_lost_is_sent_again(
    kind: Kind, own: EmbeddedServer
) -> None:
    """So says the command itself: here it is executed twice, as it was said to be harmless."""
    script = Script("", "return redis.call('INCR', KEYS[1])", "0" * 40)
    with Proxy(own.port) as proxy:
        url = f"valkey://127.0.0.1:{proxy.port}"
        async with kind.client(url, **SHORT, retry_attempts=1) as client:
            proxy.lose_reply(b"EVAL")
            assert await client.send(call(script, ["n"], [], int, is_repeatable=True)) == 2
            proxy.lose_reply(b"EVAL", times=2)
            with pytest.raises(ServerUnavailableError):
                await client.send(call(script, ["n"], [], int, is_repeatable=True))
            assert await client.get("n") == 4


@every_kind
@pytest.mark.parametrize("retry_on", ["connection", "timeout"])
async def test_retry_on_chooses_what_is_repeated(
    kind: Kind, retry_on: str, own: EmbeddedServer
) -> None:
    """A lost connection is repeated with `connection`, and not with `timeout` alone."""
    with Proxy(own.port) as proxy:
        url = f"valkey://127.0.0.1:{proxy.port}"
        async with kind.client(url, **SHORT, retry_on=retry_on) as client:
            await client.set("k", 1)
            proxy.lose_reply(b"GET")
            if retry_on == "connection":
                assert await client.get("k") == 1
            else:
                with pytest.raises(ServerUnavailableError):
                    await client.get("k")


@every_kind
async def test_a_refused_connection_is_tried_again_for_a_write_too(
    kind: Kind, own: EmbeddedServer
) -> None:
    """What was never sent may be sent again: the server starts in the pause, and counts once."""
    async with kind.client(own.url, **SHORT, retry_attempts=3) as client:
        await client.close()
        own.kill()
        pauses = Pauses(own.start)
        _pause_by(client, pauses)
        assert await client.incr("n") == 1
        assert pauses.count == 1
        assert await client.get("n") == 1


@every_kind
async def test_without_retries_nothing_is_repeated(kind: Kind, own: EmbeddedServer) -> None:
    """`retry_attempts=0` is one try."""
    async with kind.client(own.url, **SHORT, retry_attempts=0) as client:
        pauses = Pauses()
        _pause_by(client, pauses)
        own.kill()
        with pytest.raises(ServerUnavailableError):
            await client.get("k")
        assert pauses.count == 0


@every_kind
async def test_a_refusal_is_not_repeated(kind: Kind, own: EmbeddedServer) -> None:
    """An answer is an answer: WRONGTYPE is asked for once."""
    async with kind.client(own.url, **SHORT) as client:
        pauses = Pauses()
        _pause_by(client, pauses)
        await client.raw.execute_command("RPUSH", "list", 1)
        with pytest.raises(CommandError):
            await client.get("list")
        assert pauses.count == 0


@every_kind
async def test_a_server_out_of_memory_says_so(kind: Kind, own: EmbeddedServer) -> None:
    """OOM is an error of its own; reading goes on."""
    async with kind.client(own.url) as client:
        await client.set("k", 1)
        await client.raw.execute_command("CONFIG SET", "maxmemory", 1)
        with pytest.raises(CommandError) as caught:
            await client.set("k", 2)
        assert type(caught.value).__name__ == "OutOfMemoryError"
        assert await client.get("k") == 1
