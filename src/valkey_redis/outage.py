"""Do without the server while it is away, and make good what it missed. No I/O here.

The first failure closes the way to the server: whoever comes then is told so at once,
instead of paying a timeout too. A probe goes out every PROBE_PAUSE seconds in the background.
What could not be invalidated meanwhile is owed, and delivered before the way is open again.
"""

import logging
import threading
from collections.abc import Collection

from valkey_redis.errors import ValkeyRedisError

_log = logging.getLogger("valkey_redis.cache")
PROBE_PAUSE = 0.5  # seconds
MOST_OWED = 10_000  # keys; beyond that, everything is invalidated


class Outage:
    """Whether the server is being done without; `everything` are the keys that invalidate all."""

    def __init__(self, everything: Collection[str]) -> None:
        self.is_on = False
        self.probed_key = ""  # whose command failed: in a cluster, it leads to the right node
        self._everything = everything
        self._owed: set[str] = set()
        self._lock = threading.Lock()

    def begin(self, key: str, error: ValkeyRedisError, owed: Collection[str] = ()) -> bool:
        """Do without the server from now on; return whether that is news, and probes must begin."""
        with self._lock:
            self._owe(owed)
            was_on, self.is_on = self.is_on, True
            if not was_on:
                self.probed_key = key
                _log.warning("caching is off until the server is back: %s", error)
            return not was_on

    def owe(self, keys: Collection[str]) -> bool:
        """Remember keys to delete later; return False if the server can be told now."""
        with self._lock:
            if self.is_on:
                self._owe(keys)
            return self.is_on

    def _owe(self, keys: Collection[str]) -> None:
        self._owed.update(keys)
        if len(self._owed) > MOST_OWED:
            self._owed = set(self._everything)

    def owed(self) -> list[str]:
        """Return the keys to delete."""
        with self._lock:
            return list(self._owed)

    def end(self, deleted: Collection[str]) -> bool:
        """Strike out what was deleted; return whether nothing is owed: the way is open then."""
        with self._lock:
            self._owed.difference_update(deleted)
            self.is_on = bool(self._owed)
            if not self.is_on:
                _log.info("caching is on again")
            return not self.is_on
