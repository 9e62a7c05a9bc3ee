"""What no policy can do better, and what two do on average: told without playing the policy."""

import math
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from typing import NamedTuple

from valkey_redis.errors import InvalidArgumentError
from valkey_redis.simulate.policy import Key, require_capacity


def optimal(trace: Sequence[Key], capacity: int) -> int:
    """Return the hits of OPT, who knows the future: of those there, the one needed last goes.

    No policy that puts in whatever it missed has more. Raises InvalidArgumentError unless the
    capacity is a whole number, 1 or more.

    (L. A. Belady, A study of replacement algorithms for a virtual-storage computer, IBM Systems
    Journal 5, 1966; R. L. Mattson and others, Evaluation techniques for storage hierarchies, IBM
    Systems Journal 9, 1970)
    """
    require_capacity(capacity)
    there: set[Key] = set()
    # Who is needed again, latest first. What is out of date is in the past and so never comes
    # up: who is there is needed later than now.
    heap: list[tuple[float, int, Key]] = []
    hits = 0
    for now, (key, again) in enumerate(zip(trace, _next_uses(trace), strict=True)):
        if key in there:
            hits += 1
        elif len(there) == capacity:
            there.remove(heappop(heap)[2])
        there.add(key)
        heappush(heap, (-again, now, key))
    return hits


def _next_uses(trace: Sequence[Key]) -> list[float]:
    """Return for each request when its key is asked for next; never is infinity."""
    uses = [math.inf] * len(trace)
    later: dict[Key, int] = {}
    for now in range(len(trace) - 1, -1, -1):
        uses[now] = later.get(trace[now], math.inf)
        later[trace[now]] = now
    return uses


class Expected(NamedTuple):
    """The hit ratios that LRU, and FIFO or random eviction, come to in the long run."""

    lru: float
    fifo: float


def che(popularity: Sequence[float], capacity: int) -> Expected:
    """Return the expected hit ratios where each request is for key i as often as popularity[i].

    Che's approximation: every key stays for the same time T after its last use (LRU) or its
    coming (FIFO, random), with the T at which `capacity` keys are there on average. The
    popularities need not add up to 1. Raises InvalidArgumentError for one that is not a number
    above 0, and for a capacity that is not a whole number, 1 or more.

    (H. Che and others, Hierarchical web caching systems: modeling, design and experimental
    results, IEEE JSAC 20, 2002; for FIFO and random: V. Martina and others, A unified approach to
    the performance analysis of caching systems, INFOCOM 2014)
    """
    require_capacity(capacity)
    if bad := [share for share in popularity if not 0 < share < math.inf]:
        raise InvalidArgumentError(f"popularity {bad[0]!r:.40}: takes numbers above 0")
    if capacity >= len(popularity):
        return Expected(1.0, 1.0)
    total = sum(popularity)
    shares = [share / total for share in popularity]
    return Expected(
        lru=_hit_ratio(shares, capacity, lambda uses: -math.expm1(-uses)),
        fifo=_hit_ratio(shares, capacity, lambda uses: uses / (1 + uses)),
    )


def _hit_ratio(shares: list[float], capacity: int, is_there: Callable[[float], float]) -> float:
    """Return the hit ratio; `is_there` is the probability for so many uses expected in T."""

    def size(stay: float) -> float:
        return sum(is_there(share * stay) for share in shares)

    low, high = 0.0, 1.0
    while size(high) < capacity:
        low, high = high, 2 * high
    while high - low > high * 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if size(middle) < capacity else (low, middle)
    return sum(share * is_there(share * high) for share in shares)
