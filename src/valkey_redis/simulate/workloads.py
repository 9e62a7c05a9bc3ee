"""Five seeded workloads: lists of keys as applications might ask for them; the keys are numbers.

Each returns `n` requests, and the same ones for the same seed. The sizes suit caches of some
hundred to a few thousand keys.
"""

import random
from collections.abc import Callable
from itertools import accumulate

KEYS = 10_000  # that zipf asks for
LOOP = 1_100  # keys of the loop: one tenth too many for a cache of 1,000
SCAN = 300  # keys of one scan
BETWEEN_SCANS = 700  # requests, on average
REIGN = 5_000  # requests until other keys are the popular ones
SHIFT = 1_000  # ranks by which they move
BURST = 6  # requests for a key while it is in fashion, on average
BETWEEN_USES = 1_000  # requests between two of a burst, on average

SHARES = [1 / rank for rank in range(1, KEYS + 1)]  # zipf's: the n-th key is asked for 1/n as often


def zipf(n: int, seed: int = 42) -> list[int]:
    """Return requests for few keys often and many seldom, by Zipf's law: key i as 1 / (i + 1)."""
    return _dice(seed).choices(range(KEYS), cum_weights=_SUMS, k=n)


def loop(n: int, seed: int = 42) -> list[int]:
    """Return requests for the same keys in the same order, again and again: a job over a table."""
    start = _dice(seed).randrange(LOOP)
    return [(start + now) % LOOP for now in range(n)]


def scan(n: int, seed: int = 42) -> list[int]:
    """Return zipf's requests, and between them runs of keys that nobody asks for twice."""
    dice, popular = _dice(seed), iter(zipf(n, seed))
    trace: list[int] = []
    fresh = KEYS
    while len(trace) < n:
        if dice.random() * BETWEEN_SCANS < 1:
            trace += range(fresh, fresh + SCAN)
            fresh += SCAN
        else:
            trace.append(next(popular))
    return trace[:n]


def shifting(n: int, seed: int = 42) -> list[int]:
    """Return zipf's requests, with other keys popular after every 5,000: news, or a new day."""
    return [(rank + now // REIGN * SHIFT) % KEYS for now, rank in enumerate(zipf(n, seed))]


def bursts(n: int, seed: int = 42) -> list[int]:
    """Return requests for keys that come into fashion, are asked for some times, and never again."""
    dice = _dice(seed)
    requests: list[tuple[float, int]] = []  # when, and for which key
    key = 0
    while len(requests) < n:
        moment = float(key * BURST)
        for _ in range(1 + round(dice.expovariate(1 / (BURST - 1)))):
            requests.append((moment, key))
            moment += dice.expovariate(1 / BETWEEN_USES)
        key += 1
    return [key for _, key in sorted(requests)[:n]]


WORKLOADS: dict[str, Callable[[int, int], list[int]]] = {
    "zipf": zipf,
    "loop": loop,
    "scan": scan,
    "shifting": shifting,
    "bursts": bursts,
}
_SUMS = list(accumulate(SHARES))


def _dice(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - a simulation, no secret
