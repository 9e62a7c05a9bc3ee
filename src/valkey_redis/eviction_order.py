"""The order in which an eviction policy lets entries go, read from its scores. Pure, no I/O.

The scripts decide who goes (`lua/evict_*.lua`); this tells it beforehand, for `keys()`.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from valkey_redis.errors import InvalidArgumentError

SHORTEST, LONGEST = 0.001, 10**9  # uses: the shortest is LRU, and 2^43 ticks of it are exact


class Scored(NamedTuple):
    """A key and its score in the policy's order."""

    key: str
    score: float


def lowest_first(order: list[Scored], _mark: float, _capacity: int) -> list[str]:
    """Return the keys as they are."""
    return [key for key, _ in order]


def highest_first(order: list[Scored], _mark: float, _capacity: int) -> list[str]:
    """Return the keys the other way round."""
    return [key for key, _ in reversed(order)]


def from_the_hand(order: list[Scored], mark: float, _capacity: int) -> list[str]:
    """Return the order of SIEVE: round from its hand, first those that were not used."""
    ahead = [item for item in order if item.score > mark + 0.5]
    turn = ahead + [item for item in order if item.score <= mark + 0.5]
    return [item.key for used in (False, True) for item in turn if (item.score % 1 > 0) is used]


def two_queues(order: list[Scored], _mark: float, capacity: int) -> list[str]:
    """Return the order of S3-FIFO, by doing what lua/evict_s3fifo.lua would do."""
    small = deque((key, score % 1 * 4) for key, score in order if score < 0)
    main = deque((key, score % 1 * 4) for key, score in order if score >= 0)
    going: list[str] = []
    while small or main:
        from_small = len(main) <= capacity - max(1, capacity // 10)
        while small and from_small:
            key, uses = small.popleft()
            if uses < 2:  # noqa: PLR2004 - see the script
                going.append(key)
                break
            main.append((key, 0))
        else:
            while main:
                key, uses = main.popleft()
                if not uses:
                    going.append(key)
                    break
                main.append((key, uses - 1))
    return going


@dataclass(frozen=True, slots=True)
class Policy:
    """An eviction policy: its script's file, and how its order is read.

    `half_life` is in uses of the cache, for the one that ages.
    """

    name: str
    read_order: Callable[[list[Scored], float, int], list[str]]
    half_life: float | None = None
    parts: tuple[str, ...] = ("values", "order", "ends")  # its keys

    def __str__(self) -> str:
        return self.name if self.half_life is None else f"{self.name}-{self.half_life:.17g}"


FIFO = Policy("fifo", lowest_first)
LIFO = Policy("lifo", highest_first)
LRU = Policy("lru", lowest_first)
MRU = Policy("mru", highest_first)
LFU = Policy("lfu", lowest_first)
SIEVE = Policy("sieve", from_the_hand)
S3FIFO = Policy("s3fifo", two_queues, parts=("values", "order", "ends", "ghosts"))


def aged(half_life: float) -> Policy:
    """Return LFU that forgets; raise InvalidArgumentError for what is no number of uses."""
    is_number = isinstance(half_life, (int, float)) and not isinstance(half_life, bool)
    if not is_number or not SHORTEST <= half_life <= LONGEST:
        raise InvalidArgumentError(
            f"half_life={half_life!r:.40}: takes hits and writes, from {SHORTEST} to {LONGEST}"
        )
    return Policy("aged", lowest_first, float(half_life))
