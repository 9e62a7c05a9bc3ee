"""What an exercise's tests stand on: a recorded client, and one that looks on at the server."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from valkey_redis import ConfigurationError, ValkeyClient, ValkeyConfig, aconnect, connect
from valkey_redis.embedded import EmbeddedServer
from workshop.recorder import Recorder, recording, recording_async

OWN_SERVER = "WORKSHOP_SERVER"  # the learner's; in the environment, as it may hold a password
TIMEOUT = 5.0  # seconds until a silent server fails the test
MOST_TRIPS = 3_000  # round trips of one test: a loop without end stops here
HUGE_SCAN = 10_000  # keys that one SCAN may look at without blocking others for long


class Connect(Protocol):
    """Makes a driver's client, recorded if there is a recorder."""

    def __call__(  # noqa: D102 - see the class
        self, name: str, recorder: Recorder | None, *, decode: bool = ..., is_async: bool = ...
    ) -> Any: ...


class TooManyTripsError(Exception):
    """The code under test sends and sends, and comes to no end."""


class Lab:
    """A server, the learner's client, which is recorded, and `server`, which is not."""

    def __init__(self, connect: Connect, *, follows_the_clock: bool) -> None:
        self.connect = connect
        self.recorder = Recorder()
        self.recorder.before = self._bound
        self.client = connect("you", self.recorder)
        self.server = connect("", None)
        self._follows_the_clock = follows_the_clock
        self._bytes = connect("", None, decode=False)  # a dump is no text
        self.server.flushdb()

    def close(self) -> None:
        """Leave the server empty and close the connections."""
        self.server.flushdb()
        for client in (self.client, self.server, self._bytes):
            client.close()

    # Time ----------------------------------------------------------------------------

    def let_expire_in(self, seconds: float) -> None:
        """Let time pass: every key that expires has so many seconds left."""
        for key in self.server.scan_iter():
            if self.server.pttl(key) >= 0:
                self.server.pexpire(key, int(seconds * 1000))

    def let_time_pass(self, seconds: float) -> None:
        """Let every key be so much older; fakeredis has seen the virtual clock move already."""
        if self._follows_the_clock:
            return
        for key in list(self.server.scan_iter()):
            left = self.server.pttl(key)
            if 0 <= left <= seconds * 1000:
                self.server.delete(key)
            elif left > 0:
                self.server.pexpire(key, left - int(seconds * 1000))

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
            if name in {"KEYS", "FLUSHDB", "FLUSHALL"} or hidden or int(step) > HUGE_SCAN:
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

    def state(self) -> list[tuple[bytes, int, bytes]]:
        """Return all that the server holds; expiries in whole seconds, as replays differ by less."""
        raw = self._bytes
        return sorted((key, round(raw.pttl(key), -3), raw.dump(key)) for key in raw.scan_iter())

    def _bound(self, _client: str, _commands: object) -> None:
        if self.recorder.trips >= MOST_TRIPS:
            raise TooManyTripsError(
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
            config = server.config  # made once: that takes longer than a test's commands
            yield lambda: _lab(config)
            server.kill()  # an orderly end takes 0.1 s, and nothing is to be kept


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
    def connect_to(
        name: str, recorder: Recorder | None, *, decode: bool = True, is_async: bool = False
    ) -> Any:
        make: Callable[..., Any] = aconnect if is_async else connect
        client = make(config, decode_responses=decode)
        # A clock that is moved would make the driver's PINGs due, and nobody asked for them.
        client.connection_pool.connection_kwargs["health_check_interval"] = 0
        if recorder is not None:
            wrap = recording_async if is_async else recording
            pool = client.connection_pool
            pool.connection_class = wrap(pool.connection_class, recorder, name)
        return client

    return Lab(connect_to, follows_the_clock=False)


def _fake_lab() -> Lab:
    # Slow to import, and the command line comes here to ask for a real server only.
    import fakeredis  # noqa: PLC0415 - slow to import, and only where it serves
    import fakeredis._clients._valkey as fake_driver  # noqa: PLC0415 - as above

    server = fakeredis.FakeServer(server_type="valkey")

    def connect_to(
        name: str, recorder: Recorder | None, *, decode: bool = True, is_async: bool = False
    ) -> Any:
        kind: type = fake_driver.FakeValkeyConnection
        if is_async:
            kind = fake_driver.FakeAsyncValkeyConnection
        if recorder is not None:
            wrap = recording_async if is_async else recording
            kind = wrap(kind, recorder, name)
        make = fakeredis.FakeAsyncValkey if is_async else fakeredis.FakeValkey
        return make(server=server, connection_class=kind, decode_responses=decode)

    return Lab(connect_to, follows_the_clock=True)
