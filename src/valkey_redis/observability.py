"""What happens, told to whoever wants to know: one hook, `Observer`, for metrics, traces and logs.

Nothing that is told holds a key, a value or a session's id. The sinks are in `prometheus.py`,
`tracing.py` and `event_log.py`, and are imported by who uses them.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from valkey_redis.circuit import State
from valkey_redis.decision import Decision

_log = logging.getLogger("valkey_redis.observability")


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """One round trip to a server, with its retries, as it ended.

    `driver` is "valkey" or "redis"; `server` its address as a URL without user and password, of
    which `host`, `port` and `db` are parts (of a cluster, the first that was named). `name` is
    the command ("GET"), or "PIPELINE" for `size` of them that differ; `script` names a script of
    this package. `started` is in nanoseconds since 1970, `seconds` by a monotonic clock. `error`
    is what was raised; its text may name the server, and never a key or a value.
    """

    driver: str
    server: str
    host: str
    port: int
    db: int
    name: str
    size: int
    script: str | None
    started: int
    seconds: float
    error: BaseException | None


class Observer:
    """What a sink overrides; here every method does nothing.

    They are called in the thread or task whose business it is, between a reply and its caller:
    they must be quick, and must not wait. What they raise is logged once, and hurts nobody.
    """

    def on_round_trip(self, trip: RoundTrip) -> None:
        """Be told of a round trip, also of one that failed."""

    def on_retry(self, server: str, name: str) -> None:
        """Be told that a command failed and is sent again."""

    def on_cache(self, namespace: str, event: str, seconds: float, times: int) -> None:
        """Be told that one of `caching.EVENTS` happened so many times; a load took `seconds`."""

    def on_limit(self, decision: Decision) -> None:
        """Be told what a limiter decided."""

    def on_breaker(self, name: str, state: State) -> None:
        """Be told that a circuit breaker has a new state; `name` is its server or shard."""


class Observers(Observer):
    """Tell several observers; false if there are none. One that raises is told on, and logged once."""

    def __init__(self, observers: Sequence[Observer] = ()) -> None:
        self._observers = tuple(observers)
        self._failed: set[tuple[int, str]] = set()

    def __bool__(self) -> bool:
        return bool(self._observers)

    def on_round_trip(self, trip: RoundTrip) -> None:
        """Tell all of them."""
        self._tell("on_round_trip", trip)

    def on_retry(self, server: str, name: str) -> None:
        """Tell all of them."""
        self._tell("on_retry", server, name)

    def on_cache(self, namespace: str, event: str, seconds: float, times: int) -> None:
        """Tell all of them."""
        self._tell("on_cache", namespace, event, seconds, times)

    def on_limit(self, decision: Decision) -> None:
        """Tell all of them."""
        self._tell("on_limit", decision)

    def on_breaker(self, name: str, state: State) -> None:
        """Tell all of them."""
        self._tell("on_breaker", name, state)

    def _tell(self, method: str, *told: Any) -> None:
        for observer in self._observers:
            try:
                getattr(observer, method)(*told)
            except Exception as error:  # noqa: BLE001 - a sink's trouble must not be a caller's
                if (id(observer), method) not in self._failed:
                    self._failed.add((id(observer), method))
                    kind = type(error).__name__  # its text may hold anything
                    _log.warning("%s.%s raised %s", type(observer).__name__, method, kind)
