"""Look at the servers of some settings, all at once and within a time, whatever they do.

It has connections of its own, and an event loop and a thread of its own for each look: so it needs
nothing from a pool that may be exhausted, serves both faces, and is not held up by a server that
hangs, nor by who asks. It only reads.
"""

import asyncio
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

from pydantic import SecretStr

from valkey_redis.config import ValkeyConfig
from valkey_redis.deadline import shorter
from valkey_redis.driver import aconnect
from valkey_redis.errors import InvalidArgumentError, translate

SHARE = 0.8  # of the time is for the servers; the rest is for threads to take turns
CLOSING = 0.1  # seconds that a connection is given to close
CONNECTING = 0.05  # seconds that the slower nodes are given to end by themselves
LONGEST = 60.0  # seconds


def check_timeout(seconds: float) -> float:
    """Return the seconds; raise InvalidArgumentError if they are not more than 0 and at most 60."""
    is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if not is_number or not 0 < seconds <= LONGEST:
        raise InvalidArgumentError(
            f"timeout={seconds!r:.40}: takes seconds, more than 0, at most {LONGEST:g}"
        )
    return seconds


@dataclass(frozen=True, slots=True)
class Seen:
    """What one server said of itself; `shard` is how breakers and metrics call it.

    `latency` is a PING's in seconds, None if it does not serve; `error` is the kind of the first
    failure, which may be a refusal of one that serves; `info` is INFO's reply.
    """

    shard: str
    latency: float | None = None
    error: str | None = None
    info: Mapping[str, Any] | None = None
    cluster_state: str | None = None


class Inspector:
    """Look at a server, or at each primary of a cluster; who asks meanwhile shares the look.

    `timeout` is how long a look takes at most, in seconds.
    """

    def __init__(self, config: ValkeyConfig, timeout: float = 1.0) -> None:
        self.timeout = check_timeout(timeout)
        self._config = config
        self._flight: Future[list[Seen]] | None = None
        self._thread = threading.Thread()
        self._lock = threading.Lock()
        address = config.address
        self._is_cluster = address.topology == "cluster"
        # Whom to report on while nobody tells who is who.
        self._known = [_name(*host) for host in address.hosts]
        if not self._is_cluster:
            self._known = [str(address)]

    def start(self) -> "Future[list[Seen]]":
        """Begin a look, unless there is one already; return it."""
        with self._lock:
            # A fork leaves the thread behind.
            if self._flight is None or self._flight.done() or not self._thread.is_alive():
                self._flight = Future()
                self._flight.set_running_or_notify_cancel()  # nobody can cancel it for all
                self._thread = threading.Thread(
                    target=self._look, args=(self._flight,), name="valkey_redis look", daemon=True
                )
                try:
                    self._thread.start()
                except RuntimeError:  # there are too many threads
                    self._flight.set_result(self.unanswered())
            return self._flight

    def unanswered(self) -> list[Seen]:
        """Return what is known of the servers if a look does not end in time."""
        return [Seen(shard, error="ServerTimeoutError") for shard in self._known]

    def look(self) -> list[Seen]:
        """Return how the servers are, one entry a shard."""
        try:
            return self.start().result(shorter(self.timeout))
        except TimeoutError:
            return self.unanswered()

    async def alook(self) -> list[Seen]:
        """Return how the servers are, one entry a shard."""
        try:
            async with asyncio.timeout(shorter(self.timeout)):
                return await asyncio.wrap_future(self.start())
        except TimeoutError:
            return self.unanswered()

    def _look(self, flight: "Future[list[Seen]]") -> None:
        try:
            seen = asyncio.run(self._ask_all())
        except Exception as error:  # noqa: BLE001 - whoever asks gets an answer
            seen = [Seen(shard, error=_kind(error)) for shard in self._known]
        flight.set_result(seen)

    async def _ask_all(self) -> list[Seen]:
        until = asyncio.get_running_loop().time() + self.timeout * SHARE
        if not self._is_cluster:
            return [await self._ask(self._known[0], self._config, until)]
        state, shards = await self._find(until)
        if shards:
            self._known = shards
        asked = (self._ask(shard, self._node(shard), until) for shard in self._known)
        return [
            Seen(one.shard, one.latency, one.error, one.info, state)
            for one in await asyncio.gather(*asked)
        ]

    async def _find(self, until: float) -> tuple[str | None, list[str]]:
        """Return the cluster's state and its primaries, as the first node says that answers."""
        hosts = [_name(*host) for host in self._config.address.hosts]
        asking = [
            asyncio.create_task(self._ask_for_shards(shard, until))
            for shard in dict.fromkeys([*self._known, *hosts])
        ]
        try:
            for answer in asyncio.as_completed(asking):
                found = await answer
                if found is not None:
                    return found
            return None, []
        finally:
            # One that is cancelled while it connects leaves its socket to the garbage collector.
            await asyncio.wait(asking, timeout=CONNECTING)
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)

    async def _ask_for_shards(self, shard: str, until: float) -> tuple[str, list[str]] | None:
        with suppress(Exception):
            async with _Asked(self._node(shard), until) as node:
                said = _text(await node.ask("CLUSTER", "INFO"))
                slots = await node.ask("CLUSTER", "SLOTS")
                state = said.partition("cluster_state:")[2].split()[0]
                return state, _primaries(slots, shard)
        return None

    async def _ask(self, shard: str, config: ValkeyConfig, until: float) -> Seen:
        latency, error, info = None, None, None
        try:
            async with _Asked(config, until) as server:
                begun = time.perf_counter()
                try:
                    await server.ask("PING")  # the connection is open and greeted after this
                    begun = time.perf_counter()
                    await server.ask("PING")
                    latency = time.perf_counter() - begun
                except Exception as failure:  # noqa: BLE001 - INFO may be allowed where PING is not
                    error = _kind(failure)
                    if error == "NotPermittedError":  # this user may not PING: that is an answer
                        latency = time.perf_counter() - begun
                info = await server.ask("INFO")
        except Exception as failure:  # noqa: BLE001 - each is an answer to the question
            error = error or _kind(failure)
        return Seen(shard, latency, error, info)

    def _node(self, shard: str) -> ValkeyConfig:
        """Return the settings of one node alone; `model_construct` does not read the environment."""
        address = self._config.address
        scheme = address.driver + ("s" if address.tls else "")
        password = SecretStr(address.password) if address.password else None
        own = {
            "url": SecretStr(f"{scheme}://{shard}"),
            "username": address.username,
            "password": password,
        }
        return ValkeyConfig.model_construct(**dict(self._config) | own)


class _Asked:
    """A connection to one server, on which nothing takes longer than there is time."""

    def __init__(self, config: ValkeyConfig, until: float) -> None:
        left = max(until - asyncio.get_running_loop().time(), CLOSING)
        own = {
            "timeout": left,
            "connect_timeout": left,
            "max_connections": 1,
            "retry_attempts": 0,
            "health_check_interval": 0,  # a PING that fails while INFO would be answered
        }
        self._until = until
        self._raw = aconnect(ValkeyConfig.model_construct(**dict(config) | own))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        with suppress(Exception):
            async with asyncio.timeout(CLOSING):
                await self._raw.aclose()

    async def ask(self, *words: str) -> Any:
        async with asyncio.timeout_at(self._until):
            return await self._raw.execute_command(*words)


def _kind(error: BaseException) -> str:
    """Return the name of this package's error for it: the text may name users."""
    known = translate(error, "")
    return type(known or error).__name__


def _name(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _text(said: bytes | str) -> str:
    return said if isinstance(said, str) else said.decode()


def _primaries(slots: Sequence[Any], asked: str) -> list[str]:
    """Return the primaries' names, in the order of their slots; a node may not know its own host."""
    own_host = asked.rpartition(":")[0].strip("[]")
    found: dict[str, None] = {}
    for _, _, (host, port, *_), *_ in sorted(slots, key=lambda row: int(row[0])):
        found[_name(_text(host or b"") or own_host, int(port))] = None
    return list(found)
