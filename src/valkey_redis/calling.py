"""What is done around every round trip of a client, whatever is sent: see `Call`."""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from valkey_redis.address import Address
from valkey_redis.breakers import BreakersBase, is_outage
from valkey_redis.commands import Command
from valkey_redis.deadline import ENDS, check, remaining
from valkey_redis.errors import Translated, ValkeyRedisError, translate
from valkey_redis.observability import Observers, RoundTrip


class Call:
    """Around one round trip, all that has nothing to do with what is sent.

    Refuse it while its server is away or no time is left, raise the driver's error as this
    package's, open the breaker if the error says so, and tell the observers.
    `guarded=False` is for what has to be asked all the same, and opens nothing.
    """

    __slots__ = ("_began", "_caller", "_guarded", "_queued", "_recoveries")

    def __init__(
        self, caller: "Caller", queued: Sequence[Command[Any]], *, guarded: bool = True
    ) -> None:
        self._caller, self._queued, self._guarded = caller, queued, guarded

    def __enter__(self) -> None:
        caller = self._caller
        if ENDS.get() is not None or (self._guarded and not caller.breakers.are_closed):
            self._refuse()
        self._recoveries = caller.breakers.recoveries
        if caller.is_watched:
            self._began = time.time_ns(), time.perf_counter()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        caller = self._caller
        if error is None and not caller.is_watched:
            return
        known = error
        if error is not None and not isinstance(error, ValkeyRedisError):
            known = translate(error, caller.server) or error
        if isinstance(known, ValkeyRedisError) and self._says_something(known):
            caller.breakers.failed(self._queued, known, self._recoveries)
        if caller.is_watched:
            started, began = self._began
            caller.tell(self._queued, started, time.perf_counter() - began, known)
        if known is not error and known is not None:
            raise known from error

    def _says_something(self, error: ValkeyRedisError) -> bool:
        """Return whether the error is the server's, not for want of the caller's own time."""
        return self._guarded and is_outage(error) and remaining() != 0.0

    def _refuse(self) -> None:
        try:
            check()
            if self._guarded:
                self._caller.breakers.check(self._queued)
        except ValkeyRedisError as error:
            if self._caller.is_watched:
                self._caller.tell(self._queued, time.time_ns(), 0.0, error)
            raise


class Caller(Translated):
    """What the calls of one client share; alone, it only translates the driver's errors."""

    __slots__ = ("_address", "breakers", "is_watched", "observers")

    def __init__(self, address: Address | None, observers: Observers) -> None:
        super().__init__(str(address) if address else "server")
        self._address = address or Address()
        self.observers, self.is_watched = observers, bool(observers)
        self.breakers: BreakersBase

    def tell(
        self,
        queued: Sequence[Command[Any]],
        started: int,
        seconds: float,
        error: BaseException | None,
    ) -> None:
        """Tell the observers of a round trip, or of a call that was refused."""
        names = {str(command.words[0]).upper() for command in queued}
        scripts = {command.script.name if command.script else None for command in queued}
        host, port = self._address.hosts[0]
        trip = RoundTrip(
            self._address.driver,
            self.server,
            host,
            port,
            self._address.db or 0,
            names.pop() if len(names) == 1 else "PIPELINE",
            len(queued),
            scripts.pop() if len(scripts) == 1 else None,
            started,
            seconds,
            error,
        )
        self.observers.on_round_trip(trip)
