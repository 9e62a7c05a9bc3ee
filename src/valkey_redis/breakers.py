"""The circuit breakers of one client: one for its server, or for each shard of its cluster.

Everything that uses the client shares them, so that an outage costs one timeout, not one each.
They open at the first sign that a server does not serve, and callers are refused at once; whether
it is back is found out in the background, so that nobody has to wait for that either.
"""

import asyncio
import contextvars
import logging
import threading
import weakref
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

from valkey_redis.circuit import State
from valkey_redis.commands import Command
from valkey_redis.errors import (
    AuthenticationError,
    CircuitOpenError,
    ConnectionLostError,
    DeadlineExceededError,
    NotPermittedError,
    PoolExhaustedError,
    ServerUnavailableError,
    ValkeyRedisError,
)
from valkey_redis.news import News
from valkey_redis.resilience import CircuitBreaker

PAUSE = 0.5  # seconds between two looks at a server that is away
MOMENT = 0.001  # seconds: a loop that finds nothing to wait for still lets others run
# What says nothing about whether the server serves.
_OF_THE_CALLER = (
    CircuitOpenError,
    ConnectionLostError,  # the next command connects anew, and finds out
    DeadlineExceededError,
    PoolExhaustedError,
)
_log = logging.getLogger("valkey_redis.breakers")


def is_outage(error: BaseException | None) -> bool:
    """Return whether an error says that the server does not serve: it hangs, refuses, or loads."""
    if isinstance(error, AuthenticationError):
        return not isinstance(error, NotPermittedError)
    return isinstance(error, ServerUnavailableError) and not isinstance(error, _OF_THE_CALLER)


class BreakersBase:
    """What both faces share; `raw` is the driver's client, `server` its name."""

    def __init__(self, raw: Any, server: str, on_change: Callable[[str, State], object]) -> None:
        self.are_closed = True  # all of them: what each call looks at
        self.recoveries = 0  # how often one was closed again
        self._raw, self._server, self._on_change = raw, server, on_change
        self._is_cluster = hasattr(raw, "keyslot")
        self._breakers: dict[str, CircuitBreaker] = {}
        self._reasons: dict[str, str] = {}  # why each was opened last
        self._news = News("valkey_redis.breakers")
        self._lock = threading.Lock()

    def states(self) -> dict[str, State]:
        """Return each breaker's state, by its server or shard; those that never opened are left out."""
        return {name: breaker.state for name, breaker in list(self._breakers.items())}

    def check(self, queued: Sequence[Command[Any]]) -> None:
        """Raise CircuitOpenError if one of the commands is for a server whose breaker is not closed."""
        for command in queued:
            breaker = self._refusing(command)
            if breaker is not None:
                reason = self._reasons.get(breaker.name, "")
                text = f"{breaker.name}: not asked until it answers; it failed: {reason}"
                raise CircuitOpenError(text, PAUSE)

    def served(self, queued: Sequence[Command[Any]]) -> list[Command[Any]]:
        """Return those of the commands whose server's breaker is closed."""
        by_name: dict[str, list[Command[Any]]] = {}
        for command in queued:
            by_name.setdefault(self._name(command), []).append(command)
        served = (commands for commands in by_name.values() if not self._refusing(commands[0]))
        return [command for commands in served for command in commands]

    def _refusing(self, command: Command[Any]) -> CircuitBreaker | None:
        """Return the breaker of the command's server, and look after it; None if it is closed."""
        breaker = self._breakers.get(self._name(command))
        if breaker is None or breaker.state == "closed":
            return None
        self._look_after(breaker, command)
        return breaker

    def failed(
        self, queued: Sequence[Command[Any]], error: ValkeyRedisError, recoveries: int
    ) -> None:
        """Open the breakers of those who may have failed, and look after them.

        `recoveries` is what it was when the call began: one of the last outage says nothing now.
        """
        if recoveries != self.recoveries:
            return
        for name, command in {self._name(command): command for command in queued}.items():
            if name:
                breaker = self._breaker(name)
                if breaker.state == "closed":
                    self._reasons[name] = str(error)
                    # Its text: the error itself would keep its caller's frames.
                    self._news.warn(name, "not asked until it answers: %s", self._reasons[name])
                    breaker.open()
                self._look_after(breaker, command)

    def _name(self, command: Command[Any]) -> str:
        """Return the name of the server that serves the command, "" if any may."""
        if not self._is_cluster:
            return self._server
        key = _key(command.words)
        if key is None:
            return ""
        nodes = self._raw.nodes_manager.slots_cache.get(self._raw.keyslot(key))
        return str(nodes[0].name) if nodes else ""

    def _breaker(self, name: str) -> CircuitBreaker:
        with self._lock:
            breaker = self._breakers.get(name)
            if breaker is None:
                failures = (ServerUnavailableError, AuthenticationError)
                breaker = CircuitBreaker(name, open_for=PAUSE, failures=failures)
                breaker.listen(self._changed)
                self._breakers[name] = breaker
            return breaker

    def _changed(self, name: str, state: State) -> None:
        if state == "closed":
            _log.info("%s: answers again", name)
        with self._lock:  # else one that closes may overlook one that opens at the same moment
            self.are_closed = all(one.state == "closed" for one in self._breakers.values())
            self.recoveries += state == "closed"
        self._on_change(name, state)

    def _look_after(self, breaker: CircuitBreaker, command: Command[Any]) -> None:
        """Begin to look whether the server is back, unless somebody does.

        Who looks holds no client while nothing is asked: one that nobody has any more is gone.
        """
        raise NotImplementedError

    def _pause(self, breaker: CircuitBreaker) -> float:
        """Return the seconds until the next look; 0.0 if there is nothing to look for."""
        return 0.0 if breaker.state == "closed" else max(breaker.retry_after, MOMENT)


def _probe(command: Command[Any]) -> Command[Any]:
    """Return what is asked of the server of a command: in a cluster its key leads to the right one."""
    key = _key(command.words)
    return Command(("PING",) if key is None else ("EXISTS", key), bool)


def _key(words: tuple[Any, ...]) -> str | bytes | None:
    """Return the first key of a command, None if it has none."""
    place = 1
    if words[0] == "EVALSHA":
        place = 3 if words[2] else len(words)
    return words[place] if len(words) > place and isinstance(words[place], (str, bytes)) else None


class Breakers(BreakersBase):
    """Those of a `ValkeyClient`: a thread looks after each that is open."""

    def __init__(self, ask: Callable[[Command[Any]], object], *settings: Any) -> None:
        super().__init__(*settings)
        self._ask = ask
        self._probers: dict[str, threading.Thread] = {}
        self._closed = threading.Event()

    def close(self) -> None:
        """End what looks after the breakers; whoever is refused begins it anew."""
        self._closed.set()
        self._closed = threading.Event()

    def _look_after(self, breaker: CircuitBreaker, command: Command[Any]) -> None:
        with self._lock:
            prober = self._probers.get(breaker.name)
            if prober is None or not prober.is_alive():  # a fork leaves threads behind
                what = breaker.name, _probe(command), self._pause(breaker)
                prober = threading.Thread(
                    target=self._look,
                    args=(weakref.ref(self), *what, self._closed),
                    name="valkey_redis probe",
                    daemon=True,
                )
                self._probers[breaker.name] = prober
                with suppress(RuntimeError):  # too many threads: the next who is refused tries
                    prober.start()

    @staticmethod
    def _look(
        held: "weakref.ref[Breakers]",
        name: str,
        probe: Command[Any],
        pause: float,
        closed: threading.Event,
    ) -> None:
        while pause and not closed.wait(pause):
            own = held()
            pause = own._try(name, probe) if own else 0.0  # noqa: SLF001 - its own
            del own

    def _try(self, name: str, probe: Command[Any]) -> float:
        breaker = self._breakers[name]
        with suppress(ValkeyRedisError), breaker.guard(), suppress(NotPermittedError):
            self._ask(probe)
        return self._pause(breaker)


class AsyncBreakers(BreakersBase):
    """Those of an `AsyncValkeyClient`: a task looks after each that is open."""

    def __init__(self, ask: Callable[[Command[Any]], Awaitable[Any]], *settings: Any) -> None:
        super().__init__(*settings)
        self._ask = ask
        self._probers: dict[str, asyncio.Task[None]] = {}

    def close(self) -> None:
        """End what looks after the breakers; whoever is refused begins it anew."""
        for prober in self._probers.values():
            prober.cancel()
        self._probers.clear()

    def _look_after(self, breaker: CircuitBreaker, command: Command[Any]) -> None:
        prober = self._probers.get(breaker.name)
        if prober is None or prober.done() or prober.get_loop().is_closed():
            what = breaker.name, _probe(command), self._pause(breaker)
            # Without what is the caller's: its deadline, its trace.
            self._probers[breaker.name] = asyncio.get_running_loop().create_task(
                self._look(weakref.ref(self), *what), context=contextvars.Context()
            )

    @staticmethod
    async def _look(
        held: "weakref.ref[AsyncBreakers]", name: str, probe: Command[Any], pause: float
    ) -> None:
        while pause:
            await asyncio.sleep(pause)
            own = held()
            pause = await own._try(name, probe) if own else 0.0  # noqa: SLF001 - its own
            del own

    async def _try(self, name: str, probe: Command[Any]) -> float:
        breaker = self._breakers[name]
        with suppress(ValkeyRedisError), breaker.guard(), suppress(NotPermittedError):
            await self._ask(probe)
        return self._pause(breaker)
