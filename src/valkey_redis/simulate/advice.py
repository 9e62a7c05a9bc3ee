"""Which policy suits a list of keys: a table of hit ratios, and what it says, in words."""

from collections.abc import Sequence
from dataclasses import dataclass

from valkey_redis.simulate.comparing import OPT, curve
from valkey_redis.simulate.policy import Key, require_capacity

POINT = 0.01  # of hit ratio: LRU is taken if it is no further from the best


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A policy for a trace and a capacity, and the hit ratios, from 0 to 1, that speak for it."""

    requests: int
    distinct: int
    capacity: int
    capacities: tuple[int, ...]
    ratios: dict[str, list[float]]  # by policy, for each of the capacities
    policy: str
    because: tuple[str, ...]  # sentences

    def lines(self) -> list[str]:
        """Return the table and the sentences as lines of text, at most 80 characters wide."""
        first = self.distinct / self.requests
        return [
            f"{self.requests:,} requests for {self.distinct:,} keys.",
            f"{first:.1%} of them are a key's first, which no cache can hit.",
            "",
            "hits, in %, by capacity",
            _row("", [f"{capacity:,}" for capacity in self.capacities]),
            *(
                _row(name, [f"{100 * ratio:.1f}" for ratio in ratios])
                for name, ratios in self.ratios.items()
            ),
            "",
            f"At a capacity of {self.capacity:,}: {self.policy}.",
            *(f"  {sentence}" for sentence in self.because),
        ]


def recommend(trace: Sequence[Key], capacity: int) -> Recommendation:
    """Recommend a policy: the best, or LRU if it is within a point, as it is what the server has.

    The table goes from a quarter of the capacity to four times of it. Raises InvalidArgumentError
    for an empty trace, and for a capacity that is not a whole number, 1 or more.
    """
    require_capacity(capacity)
    sizes = sorted(
        {max(1, capacity // 4), max(1, capacity // 2), capacity, 2 * capacity, 4 * capacity}
    )
    ratios = curve(trace, sizes)
    here = {name: row[sizes.index(capacity)] for name, row in ratios.items()}
    ceiling = here.pop(OPT)
    best = max(here, key=lambda name: (here[name], name == "LRU"))
    policy = "LRU" if here[best] - here["LRU"] <= POINT else best
    distinct = len(set(trace))
    if distinct <= capacity:
        because = [f"All {distinct:,} keys fit: nothing is ever evicted, by any policy."]
    else:
        doubled = ratios[policy][sizes.index(2 * capacity)]
        because = [
            _against_lru(here, best),
            *_against_opt(ceiling - here[policy], doubled - here[policy], ceiling),
        ]
    return Recommendation(
        len(trace), distinct, capacity, tuple(sizes), ratios, policy, tuple(because)
    )


def _against_lru(here: dict[str, float], best: str) -> str:
    lru, most = here["LRU"], here[best]
    if best == "LRU":
        return f"It has the most hits, {lru:.1%}, and it is what the server has."
    if most - lru <= POINT:
        return f"It has {lru:.1%}; {best} has {most:.1%}, but LRU is what the server has."
    return f"It has {most:.1%}: {100 * (most - lru):.1f} points more than LRU."


def _against_opt(left: float, gained: float, ceiling: float) -> list[str]:
    """Return what another policy could still give, and what memory would."""
    left_points, gained_points = f"{100 * left:.1f}", f"{100 * gained:.1f}"
    opt = f"OPT, knowing the future, has {ceiling:.1%}: another policy adds {left_points} points at most."
    beyond = ", more than any policy could" if gained > left else ""
    return [opt, f"Twice the capacity adds {gained_points} points{beyond}."]


def _row(name: str, cells: list[str]) -> str:
    return f"{name:<8}" + "".join(f"{cell:>12}" for cell in cells)
