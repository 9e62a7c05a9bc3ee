"""What a limiter does while the server does not answer. No I/O here.

The first failure closes the way to the server for PAUSE seconds, so that whoever comes then
does not pay a timeout too; then one caller is sent to look, and the others go on without.
"""

import logging
import threading
import time
from typing import Literal

from valkey_redis.decision import Decision
from valkey_redis.errors import CommandError, InvalidArgumentError, ValkeyRedisError
from valkey_redis.limits import Policy

OnOutage = Literal["open", "closed", "local"]
WAYS = ("open", "closed", "local")
PAUSE = 0.5  # seconds
_log = logging.getLogger("valkey_redis.ratelimit")


def check_way(on_outage: str) -> None:
    """Raise InvalidArgumentError for what is none of the ways."""
    if on_outage not in WAYS:
        raise InvalidArgumentError(
            f"on_outage={on_outage!r:.40}: takes 'open', 'closed' or 'local'"
        )


def blind(policy: Policy, *, allowed: bool) -> Decision:
    """Return what is decided without knowing anything."""
    if allowed:
        return Decision(allowed, policy, policy.most, 0.0, 0.0, is_degraded=True)
    return Decision(allowed, policy, 0, PAUSE, PAUSE, is_degraded=True)


class Gate:
    """Whether to ask the server now."""

    def __init__(self) -> None:
        self._closed_until: float | None = None  # None: it is open
        self._lock = threading.Lock()

    def lets_through(self) -> bool:
        """Return whether this caller is to ask the server; while it is away, one in PAUSE seconds."""
        if self._closed_until is None:
            return True
        with self._lock:
            now = time.monotonic()
            if self._closed_until is not None and now < self._closed_until:
                return False
            self._closed_until = now + PAUSE
            return True

    def answered(self) -> None:
        """Open: the server answers."""
        if self._closed_until is not None:
            self._closed_until = None
            _log.info("limits are the server's again")

    def failed(self, error: ValkeyRedisError) -> None:
        """Close for a while; what the server merely refuses (say, for want of memory) costs no time."""
        with self._lock:
            is_news = self._closed_until is None
            if not isinstance(error, CommandError):
                self._closed_until = time.monotonic() + PAUSE
        _log.log(
            logging.WARNING if is_news else logging.DEBUG, "limited without the server: %s", error
        )
