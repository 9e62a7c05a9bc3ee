"""Hit ratios of the policies on a list of keys, against capacity, and under the ceiling."""

from collections.abc import Callable, Sequence

from valkey_redis.errors import InvalidArgumentError
from valkey_redis.simulate.bounds import optimal
from valkey_redis.simulate.classic import FIFO, LFU, LIFO, LRU, MRU, AgedLFU
from valkey_redis.simulate.modern import S3FIFO, SIEVE
from valkey_redis.simulate.policy import Key, Policy

Make = Callable[[int], Policy]
HALF_LIFE = 10  # aged LFU's, in capacities


def aged_lfu(capacity: int) -> AgedLFU:
    """Return an aged LFU whose half-life is ten times its capacity: a start, to be tuned."""
    return AgedLFU(capacity, HALF_LIFE * capacity)


POLICIES: dict[str, Make] = {
    "FIFO": FIFO,
    "LIFO": LIFO,
    "LRU": LRU,
    "MRU": MRU,
    "LFU": LFU,
    "aged LFU": aged_lfu,
    "SIEVE": SIEVE,
    "S3-FIFO": S3FIFO,
}
OPT = "OPT"  # the ceiling's name beside the policies'


def hit_ratio(policy: Make, trace: Sequence[Key], capacity: int) -> float:
    """Return the share of requests that hit, from 0 to 1; the cache is empty at first.

    Raises InvalidArgumentError for an empty trace, and for a capacity that is not a whole
    number, 1 or more.
    """
    return sum(map(policy(capacity).access, trace)) / _length(trace)


def curve(trace: Sequence[Key], capacities: Sequence[int]) -> dict[str, list[float]]:
    """Return for each policy, and for OPT, its hit ratio at each capacity. Raises as `hit_ratio`."""
    ratios = {
        name: [hit_ratio(policy, trace, capacity) for capacity in capacities]
        for name, policy in POLICIES.items()
    }
    ratios[OPT] = [optimal(trace, capacity) / _length(trace) for capacity in capacities]
    return ratios


def _length(trace: Sequence[Key]) -> int:
    if not trace:
        raise InvalidArgumentError("the trace is empty: takes a list of keys")
    return len(trace)
