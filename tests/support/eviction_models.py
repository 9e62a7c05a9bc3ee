"""The eviction policies once more, so plainly that they are slow: what `simulate` is held against."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field


class Model(ABC):
    """A cache that looks at everything it holds whenever one has to go."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.tick = 0

    @abstractmethod
    def get(self, key: int) -> bool:
        """Touch the key if it is there."""

    @abstractmethod
    def set(self, key: int) -> list[int]:
        """Put it in; return who went."""

    @abstractmethod
    def delete(self, key: int) -> bool:
        """Take it out."""

    @abstractmethod
    def evict(self) -> int:
        """Take the next one out."""

    @abstractmethod
    def held(self) -> list[int]:
        """Return who is there, in any order."""

    def resize(self, capacity: int) -> list[int]:
        """Let go what is too many."""
        self.capacity = capacity
        return [self.evict() for _ in range(len(self.held()) - capacity)]

    def keys(self) -> list[int]:
        """Return who would go, in order."""
        other = deepcopy(self)
        return [other.evict() for _ in self.held()]


@dataclass
class Life:
    """When a key came, and when it was used since; its coming is a use."""

    came: int
    uses: list[int] = field(default_factory=list)


class Lives(Model):
    """The one whose life ranks lowest goes."""

    def __init__(self, capacity: int, rank: Callable[[Life], object]) -> None:
        super().__init__(capacity)
        self.rank = rank
        self.lives: dict[int, Life] = {}

    def get(self, key: int) -> bool:  # noqa: D102 - see the model
        if key not in self.lives:
            return False
        self.tick += 1
        self.lives[key].uses.append(self.tick)
        return True

    def set(self, key: int) -> list[int]:  # noqa: D102 - see the model
        if self.get(key):
            return []
        evicted = [self.evict()] if len(self.lives) == self.capacity else []
        self.tick += 1
        self.lives[key] = Life(self.tick, [self.tick])
        return evicted

    def delete(self, key: int) -> bool:  # noqa: D102 - see the model
        return self.lives.pop(key, None) is not None

    def evict(self) -> int:  # noqa: D102 - see the model
        victim = min(self.lives, key=lambda key: self.rank(self.lives[key]))
        del self.lives[victim]
        return victim

    def held(self) -> list[int]:  # noqa: D102 - see the model
        return list(self.lives)


class Sieve(Model):
    """One row from the oldest to the newest, and the place of the hand in it."""

    def __init__(self, capacity: int) -> None:
        super().__init__(capacity)
        self.row: list[int] = []
        self.used: set[int] = set()
        self.hand = 0

    def get(self, key: int) -> bool:  # noqa: D102 - see the model
        if key in self.row:
            self.used.add(key)
        return key in self.row

    def set(self, key: int) -> list[int]:  # noqa: D102 - see the model
        if self.get(key):
            return []
        evicted = [self.evict()] if len(self.row) == self.capacity else []
        self.row.append(key)
        return evicted

    def delete(self, key: int) -> bool:  # noqa: D102 - see the model
        if key not in self.row:
            return False
        place = self.row.index(key)
        self.row.remove(key)
        self.used.discard(key)
        self.hand -= place < self.hand
        self._wrap()
        return True

    def evict(self) -> int:  # noqa: D102 - see the model
        while self.row[self.hand] in self.used:
            self.used.remove(self.row[self.hand])
            self.hand += 1
            self._wrap()
        victim = self.row.pop(self.hand)
        self._wrap()
        return victim

    def _wrap(self) -> None:
        if self.hand == len(self.row):
            self.hand = 0

    def held(self) -> list[int]:  # noqa: D102 - see the model
        return list(self.row)


MODELS: dict[str, Callable[[int], Model]] = {
    "FIFO": lambda capacity: Lives(capacity, lambda life: life.came),
    "LIFO": lambda capacity: Lives(capacity, lambda life: -life.came),
    "LRU": lambda capacity: Lives(capacity, lambda life: life.uses[-1]),
    "MRU": lambda capacity: Lives(capacity, lambda life: -life.uses[-1]),
    "LFU": lambda capacity: Lives(capacity, lambda life: (len(life.uses), life.came)),
    # With a half-life of one use, each weighs twice as much as the one before: whole numbers.
    "aged LFU": lambda capacity: Lives(capacity, lambda life: sum(2**use for use in life.uses)),
    "SIEVE": Sieve,
}
