"""What could not be invalidated while the server was away, to be made good. No I/O here.

A key that is owed is as good as gone for the cache that owes it: it asks for none that is, and
stores none, until the server was told. What is owed lives in this process's memory: who dies owes
nothing any more, and the value's expiry is the bound.
"""

import itertools
import threading
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from valkey_redis.commands import Command

PAUSE = 0.1  # seconds between two tries; while the breaker is open nothing is sent
MOST_OWED = 10_000  # keys; beyond that, everything is invalidated


class Debts:
    """The keys to delete as soon as may be; `everything` are those that invalidate all."""

    def __init__(self, everything: Collection[str]) -> None:
        self._everything = everything
        self._owed: dict[str, int] = {}  # and when, as a number that grows
        self._numbers = itertools.count()
        self._is_served = False  # somebody is at work to deliver them
        self._lock = threading.Lock()

    def __bool__(self) -> bool:
        return bool(self._owed)

    def concern(self, queued: Sequence[Command[Any]]) -> bool:
        """Return whether a key that one of the commands names is owed."""
        owed = self._owed
        return any(
            word in owed for command in queued for word in command.words if isinstance(word, str)
        )

    def add(self, keys: Collection[str]) -> None:
        """Owe these keys."""
        with self._lock:
            number = next(self._numbers)
            self._owed.update(dict.fromkeys(keys, number))
            if len(self._owed) > MOST_OWED:
                self._owed = dict.fromkeys(self._everything, number)

    def take_on(self, *, is_alive: bool) -> bool:
        """Return whether the caller must begin to deliver: nobody does, or who did is not alive."""
        with self._lock:
            must_begin = bool(self._owed) and not (self._is_served and is_alive)
            self._is_served = self._is_served or must_begin
            return must_begin

    def owed(self) -> dict[str, int]:
        """Return the keys to delete, and when each came to be owed."""
        with self._lock:
            return dict(self._owed)

    def delivered(self, deleted: Mapping[str, int]) -> bool:
        """Strike out what was deleted; return whether nothing is owed, and the work is done.

        A key that came to be owed anew while it was deleted stays owed: another process
        may have stored its older value in between.
        """
        with self._lock:
            for key, number in deleted.items():
                if self._owed.get(key) == number:
                    del self._owed[key]
            self._is_served = bool(self._owed)
            return not self._is_served
