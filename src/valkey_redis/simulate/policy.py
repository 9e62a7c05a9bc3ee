"""What every simulated eviction policy can do: who is there, and who goes next. No values."""

from abc import ABC, abstractmethod
from collections.abc import Hashable
from copy import copy
from typing import Self

from valkey_redis.errors import InvalidArgumentError

Key = Hashable


def require_capacity(capacity: object) -> int:
    """Return the capacity; raises InvalidArgumentError unless it is a whole number from 1."""
    if isinstance(capacity, bool) or not isinstance(capacity, int) or capacity < 1:
        raise InvalidArgumentError(f"capacity={capacity!r:.40}: takes a whole number, 1 or more")
    return capacity


class Policy(ABC):
    """A full cache of `capacity` keys evicts before the newcomer enters, one key for one.

    To write a key that is there touches it, as a hit does. Raises InvalidArgumentError unless
    the capacity is a whole number, 1 or more.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = require_capacity(capacity)

    def access(self, key: Key) -> bool:
        """Ask for the key, and put it in if it is not there; return whether it was."""
        is_there = self.get(key)
        if not is_there:
            self._enter(key)
        return is_there

    def get(self, key: Key) -> bool:
        """Return whether the key is there; that is a touch if it is, and nothing if not."""
        is_there = key in self
        if is_there:
            self._touch(key)
        return is_there

    def set(self, key: Key) -> list[Key]:
        """Put the key in; return who had to go."""
        return [] if self.get(key) else self._enter(key)

    def delete(self, key: Key) -> bool:
        """Take the key out, as if it had never come; return whether it was there."""
        is_there = key in self
        if is_there:
            self._remove(key)
        return is_there

    def resize(self, capacity: int) -> list[Key]:
        """Hold so many from now on; return who had to go, in order. Raises as the constructor."""
        self.capacity = require_capacity(capacity)
        return [self._evict() for _ in range(len(self) - capacity)]

    def keys(self) -> list[Key]:
        """Return who is there, in the order in which they would go if nothing else happened."""
        twin = self._twin()
        return [twin._evict() for _ in range(len(self))]  # noqa: SLF001 - one of its own kind

    def _enter(self, key: Key) -> list[Key]:
        evicted = [self._evict()] if len(self) >= self.capacity else []
        self._admit(key)
        return evicted

    def _twin(self) -> Self:
        """Return another with the same state; the containers are copied, what is in them is not."""
        twin = copy(self)
        vars(twin).update({name: copy(value) for name, value in vars(self).items()})
        return twin

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __contains__(self, key: Key) -> bool: ...

    @abstractmethod
    def _touch(self, key: Key) -> None:
        """Note that a key that is there was asked for, or written again."""

    @abstractmethod
    def _admit(self, key: Key) -> None:
        """Take in a newcomer; there is room."""

    @abstractmethod
    def _evict(self) -> Key:
        """Choose who goes, take it out, and return it."""

    @abstractmethod
    def _remove(self, key: Key) -> None:
        """Take out a key that is there; nobody chose it."""
