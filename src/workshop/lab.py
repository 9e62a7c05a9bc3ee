"""What an exercise's tests stand on: two recorded clients, a look at the server, and accidents.

`lab.client` and `lab.other` are the learner's; `lab.server` looks on and is not recorded.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import fakeredis
import fakeredis._clients._valkey as fake_driver

from valkey_redis import ConfigurationError, ValkeyClient, ValkeyConfig, connect
from valkey_redis.embedded import EmbeddedServer
from workshop.recorder import Recorder, recording

TIMEOUT = 5.0  # seconds until a silent server fails the test
MOST_TRIPS = 10_000  # round trips of one test: a loop without end stops here


class Connect(Protocol):
    """Makes a driver's client, recorded if there is a recorder."""

    def __call__(self, name: str, recorder: Recorder | None, *, decode: bool) -> Any: ...  # noqa: D102


class ClientDiedError(BaseException):
    """The learner's client dies here; a BaseException, so that no `except Exception` revives it."""


class Lab:
    """A server, two clients that are recorded, and one that is not."""

    def __init__(self, connect: Connect) -> None:
        self.recorder = Recorder()
        self.recorder.before = self._bound
        self.client = connect("you", self.recorder, decode=True)
        self.other = connect("other", self.recorder, decode=True)
        self.server = connect("", None, decode=True)
        self._bytes = connect("", None, decode=False)  # a dump is no text
        self.note = ""
        self.server.flushdb()

    def close(self) -> None:
        """Close the three connections and leave the server empty."""
        self.server.flushdb()
        for client in (self.client, self.other, self.server, self._bytes):
            client.close()

    # Accidents -----------------------------------------------------------------------

    def every_interruption(
        self, action: Callable[[], Any], accident: Callable[[], Any]
    ) -> Iterator[int]:
        """Run `action` with `accident` before its first round trip, then its second, and so on.

        Each time both begin with what the server holds now; the caller checks after each.
        """
        yield from self._at_every_trip(action, accident, "other client acts")

    def every_crash(self, action: Callable[[], Any]) -> Iterator[int]:
        """Run `action` so that the client dies before its first round trip, its second, and so on."""

        def die() -> None:
            raise ClientDiedError

        yield from self._at_every_trip(action, die, "your client dies", for_good=True)

    def _at_every_trip(
        self,
        action: Callable[[], Any],
        accident: Callable[[], Any],
        what: str,
        *,
        for_good: bool = False,
    ) -> Iterator[int]:
        state = self._dump()
        trips = self.round_trips(action)
        for step in range(1, trips + 1):
            self._restore(state)
            self.recorder.clear()
            count = 0

            def strike(client: str, *, step: int = step) -> None:
                nonlocal count
                if client != "you":
                    return
                count += 1
                # A dead client sends nothing any more, not even from `finally`.
                if count == step or (for_good and count > step):
                    accident()

            self.note = f"{what} before your round trip {step} of {trips}"
            self.recorder.before = strike
            try:
                action()
            except ClientDiedError:
                pass
            finally:
                self.recorder.before = self._bound
            yield step
        self.note = ""

    def let_expire_in(self, seconds: float) -> None:
        """Let time pass: every key that expires has so many seconds left."""
        for key in self.server.scan_iter():
            if self.server.pttl(key) >= 0:
                self.server.pexpire(key, int(seconds * 1000))

    def expire_now(self) -> None:
        """Let every key that expires do so now."""
        for key in list(self.server.scan_iter()):
            if self.server.pttl(key) >= 0:
                self.server.delete(key)

    # What was sent -------------------------------------------------------------------

    def forget(self) -> None:
        """Forget what was sent so far."""
        self.recorder.clear()

    def round_trips(self, action: Callable[[], Any]) -> int:
        """Run `action` and return how often it had to wait for the server."""
        self.recorder.clear()
        action()
        return self.recorder.trips

    def reply_items(self) -> int:
        """Return how many values the server sent since the last `forget`."""
        return sum(_count(entry.reply) for entry in self.recorder.sent)

    def commands_over_all_keys(self) -> list[str]:
        """Return the commands sent that look at every key at once."""
        found = []
        for entry in self.recorder.sent:
            name, *rest = (word.upper() for word in entry.words)
            hidden = re.search(r"CALL\(\s*['\"]KEYS['\"]", " ".join(rest))
            step = rest[rest.index("COUNT") + 1] if name == "SCAN" and "COUNT" in rest else "0"
            if name in {"KEYS", "FLUSHDB", "FLUSHALL"} or hidden or int(step) > MOST_TRIPS:
                found.append(entry.text())
        return found

    # What the server holds -----------------------------------------------------------

    def keys_without_expiry(self) -> list[str]:
        """Return the keys that never expire."""
        return sorted(key for key in self.server.scan_iter() if self.server.pttl(key) == -1)

    def ttl(self) -> float | None:
        """Return the seconds until the last key expires, None if one never does or there is none."""
        left = [self.server.pttl(key) for key in self.server.scan_iter()]
        return max(left) / 1000 if left and min(left) >= 0 else None

    def size_of_all_keys(self) -> int:
        """Return how many elements all keys hold together; a string is one."""
        sizes = {
            "list": self.server.llen,
            "set": self.server.scard,
            "zset": self.server.zcard,
            "hash": self.server.hlen,
            "stream": self.server.xlen,
        }
        return sum(
            sizes.get(self.server.type(key), lambda _: 1)(key) for key in self.server.scan_iter()
        )

    def _dump(self) -> dict[bytes, tuple[int, bytes]]:
        keys = self._bytes.scan_iter()
        return {key: (max(self._bytes.pttl(key), 0), self._bytes.dump(key)) for key in keys}

    def _restore(self, state: dict[bytes, tuple[int, bytes]]) -> None:
        self._bytes.flushdb()
        for key, (left, value) in state.items():
            self._bytes.restore(key, left, value)

    def _bound(self, _client: str) -> None:
        if self.recorder.trips >= MOST_TRIPS:
            raise AssertionError(
                f"after {MOST_TRIPS} round trips it still goes on: a loop without end?"
            )


def _count(reply: Any) -> int:
    return sum(map(_count, reply)) if isinstance(reply, (list, tuple)) else 1


# Backends ----------------------------------------------------------------------------


@contextmanager
def open_backend(name: str, own_url: str | None = None) -> Iterator[Callable[[], Lab]]:
    """Yield a maker of labs on `fakeredis`, or on `valkey`: embedded, or the learner's own server.

    The tests empty an own server's database: `require_empty` must have looked at it first.
    """
    if name == "fakeredis":
        yield _fake_lab
    elif own_url is not None:
        config = ValkeyConfig(url=own_url, timeout=TIMEOUT)
        yield lambda: _lab(config)
    else:
        with EmbeddedServer() as server:
            yield lambda: _lab(server.config)


def require_empty(own_url: str) -> None:
    """Refuse a learner's server whose database holds anything, since the tests empty it.

    Raises ConfigurationError, or ServerUnavailableError if it does not answer.
    """
    config = ValkeyConfig(url=own_url)
    if config.address.topology != "standalone":
        raise ConfigurationError("VALKEY_URL: the exercises take a standalone server")
    with ValkeyClient(config) as client:
        used = next(client.scan(), None)
    if used is not None:
        raise ConfigurationError(
            f"VALKEY_URL: {config.address} is not empty, and the exercises empty their database; "
            "name another database, e.g. /15"
        )


def _lab(config: ValkeyConfig) -> Lab:
    def connect_to(name: str, recorder: Recorder | None, *, decode: bool) -> Any:
        client: Any = connect(config, decode_responses=decode)
        if recorder is not None:
            pool = client.connection_pool
            pool.connection_class = recording(pool.connection_class, recorder, name)
        return client

    return Lab(connect_to)


def _fake_lab() -> Lab:
    server = fakeredis.FakeServer(server_type="valkey")

    def connect_to(name: str, recorder: Recorder | None, *, decode: bool) -> Any:
        plain = fake_driver.FakeValkeyConnection
        kind = recording(plain, recorder, name) if recorder else plain
        return fakeredis.FakeValkey(server=server, connection_class=kind, decode_responses=decode)

    return Lab(connect_to)
