"""Do without the server while it is away, and make good what it missed. No I/O here.

The first failure closes the way to the server: whoever comes then is told so at once,
instead of paying a timeout too. A probe goes out every PROBE_PAUSE seconds in the background.
What could not be invalidated meanwhile is owed, and delivered before the way is open again.
"""

import itertools
import logging
import threading
import time
from collections.abc import Collection, Mapping

from valkey_redis.errors import ValkeyRedisError

_log = logging.getLogger("valkey_redis.cache")
PROBE_PAUSE = 0.5  # seconds
MOST_OWED = 10_000  # keys; beyond that, everything is invalidated
SILENCE = 60.0  # seconds until a warning of one kind is given again


class Outage:
    """Whether the server is being done without; `everything` are the keys that invalidate all."""

    def __init__(self, everything: Collection[str]) -> None:
        self.is_on = False
        self.probed_key = ""  # whose command failed: in a cluster, it leads to the right node
        self._everything = everything
        self._owed: dict[str, int] = {}  # and when, as a number that grows
        self._debts = itertools.count()
        self._lock = threading.Lock()
        self._silent_until: dict[type[ValkeyRedisError], float] = {}

    def warn(self, text: str, error: ValkeyRedisError) -> None:
        """Log a warning; one of the same kind soon after is no news, and would fill the log."""
        now = time.monotonic()
        is_news = now >= self._silent_until.get(type(error), now)
        if is_news:
            self._silent_until[type(error)] = now + SILENCE
        _log.log(logging.WARNING if is_news else logging.DEBUG, text, error)

    def begin(self, key: str, error: ValkeyRedisError, owed: Collection[str] = ()) -> bool:
        """Do without the server from now on; return whether that is news, and probes must begin."""
        with self._lock:
            self._owe(owed)
            was_on, self.is_on = self.is_on, True
            if not was_on:
                self.probed_key = key
                self.warn("caching is off until the server is back: %s", error)
            return not was_on

    def owe(self, keys: Collection[str]) -> bool:
        """Remember keys to delete later; return False if the server can be told now."""
        with self._lock:
            if self.is_on:
                self._owe(keys)
            return self.is_on

    def _owe(self, keys: Collection[str]) -> None:
        debt = next(self._debts)
        self._owed.update(dict.fromkeys(keys, debt))
        if len(self._owed) > MOST_OWED:
            self._owed = dict.fromkeys(self._everything, debt)

    def owed(self) -> dict[str, int]:
        """Return the keys to delete, and when each came to be owed."""
        with self._lock:
            return dict(self._owed)

    def end(self, deleted: Mapping[str, int]) -> bool:
        """Strike out what was deleted; return whether nothing is owed: the way is open then.

        A key that came to be owed anew while it was deleted stays owed: another process
        may have stored its older value in between.
        """
        with self._lock:
            for key, debt in deleted.items():
                if self._owed.get(key) == debt:
                    del self._owed[key]
            self.is_on = bool(self._owed)
            if not self.is_on:
                _log.info("caching is on again")
            return not self.is_on
