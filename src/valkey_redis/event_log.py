"""What a log should know: failures, breakers that change, slow round trips, loads that failed.

The message is one line for people; the same facts are in the record's `extra`, under names that
begin with `valkey_`, so that any JSON formatter has them. Never a key, a value, a session's id, or
an error's text.
"""

import logging
import threading
import time
from typing import Any

from valkey_redis.circuit import State
from valkey_redis.errors import InvalidArgumentError
from valkey_redis.families import family
from valkey_redis.observability import Observer, RoundTrip

QUIET = 1.0  # seconds until the same is logged again: an outage must not fill the disk
MOST = 1000  # kinds that are remembered


class LogObserver(Observer):
    """Log what went wrong, and round trips of `slow` seconds or more.

    `logger` is "valkey_redis.events" if none is given. The same event of the same kind is logged
    once a second at most; the next line says how many were left out (`valkey_left_out`).
    Raises InvalidArgumentError for a `slow` that is no number of more than 0.
    """

    def __init__(self, logger: logging.Logger | None = None, slow: float = 0.1) -> None:
        if isinstance(slow, bool) or not isinstance(slow, (int, float)) or not slow > 0:
            raise InvalidArgumentError(f"slow={slow!r:.40}: takes seconds, more than 0")
        self._log = logger or logging.getLogger("valkey_redis.events")
        self._slow = slow
        self._lock = threading.Lock()
        self._left_out: dict[tuple[str, str], tuple[float, int]] = {}  # until when, how many

    def on_round_trip(self, trip: RoundTrip) -> None:
        """Log a round trip that failed, or that took long."""
        if trip.error is None and trip.seconds < self._slow:
            return
        facts = {
            "server": trip.server,
            "command": trip.name,
            "family": family(trip.name, trip.script, trip.size),
            "script": trip.script,
            "size": trip.size,
            "seconds": round(trip.seconds, 6),
        }
        what = f"{trip.server}: {trip.script or trip.name}"
        took = f"{trip.seconds * 1000:.1f} ms"
        if trip.error is None:
            self._tell(logging.WARNING, "slow", trip.server, f"{what} took {took}", facts)
            return
        kind = type(trip.error).__name__
        facts["error"] = kind
        text = f"{what} failed after {took}: {kind}"
        self._tell(logging.WARNING, "error", f"{kind} {trip.server}", text, facts)

    def on_retry(self, server: str, name: str) -> None:
        """Log that a command is sent again."""
        facts = {"server": server, "command": name}
        self._tell(logging.INFO, "retry", server, f"{server}: {name} is sent again", facts)

    def on_cache(self, namespace: str, event: str, seconds: float, times: int) -> None:  # noqa: ARG002 - the hook's
        """Log a load that failed, and stored bytes that are no value."""
        said = {"load_error": "a load failed", "corrupt": "stored bytes are not the codec's"}
        if event in said:
            facts = {"namespace": namespace, "times": times}
            text = f"cache {namespace}: {said[event]}"
            self._tell(logging.WARNING, event, namespace, text, facts)

    def on_breaker(self, name: str, state: State) -> None:
        """Log each change."""
        level = logging.WARNING if state == "open" else logging.INFO
        facts = {"server": name, "state": state}
        self._log.log(level, "%s: the breaker is %s", name, state, extra=_extra("breaker", facts))

    def _tell(self, level: int, event: str, kind: str, text: str, facts: dict[str, Any]) -> None:
        now = time.monotonic()
        with self._lock:
            until, left_out = self._left_out.get((event, kind), (now, 0))
            if now < until:
                self._left_out[event, kind] = until, left_out + 1
                return
            if len(self._left_out) >= MOST:
                self._left_out.clear()
            self._left_out[event, kind] = now + QUIET, 0
        if left_out:
            facts["left_out"] = left_out
            text = f"{text} ({left_out} more like it before)"
        self._log.log(level, "%s", text, extra=_extra(event, facts))


def _extra(event: str, facts: dict[str, Any]) -> dict[str, Any]:
    return {"valkey_event": event} | {f"valkey_{name}": fact for name, fact in facts.items()}
