"""What each limit says, from its definition alone: all that was admitted, and fractions."""

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor
from typing import NamedTuple

from valkey_redis.limits import Policy


class Said(NamedTuple):
    """Whether a hit is admitted, and how its limit stands after it; whole microseconds."""

    admitted: bool
    remaining: int
    retry: int
    reset: int


@dataclass
class Oracle:
    """One subject under one limit: its whole past, asked anew each time."""

    policy: Policy
    past: list[tuple[int, int]] = field(default_factory=list)  # (microsecond, cost) of the admitted

    def hit(self, now: int, cost: int) -> Said:
        """Decide, and remember what is admitted."""
        said = self.look(now, cost)
        if not said.admitted:
            return said
        self.past.append((now, cost))
        return self.look(now, 1)._replace(admitted=True, retry=0)

    def look(self, now: int, cost: int) -> Said:
        """Decide without remembering."""
        free = self._free(now)
        if free >= cost:
            return Said(True, floor(free), 0, self._until(self._unused, now))
        retry = self._until(lambda at: self._free(at) >= cost, now)
        return Said(False, floor(free), retry, self._until(self._unused, now))

    def _unused(self, now: int) -> bool:
        """Return whether all that was admitted has been forgotten."""
        if self.policy.algorithm == "counter":
            window = now // self.per
            return not any(moment // self.per >= window - 1 for moment, _ in self.past)
        return self._free(now) == self.policy.most

    @property
    def per(self) -> int:
        """The length of the limit, in microseconds."""
        return self.policy.microseconds

    def _until(self, holds: Callable[[int], bool], now: int) -> int:
        """Return the microseconds until it holds; what holds once holds from then on."""
        low, high = 0, 1
        while not holds(now + high - 1):
            low, high = high, 2 * high
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if holds(now + middle) else (middle + 1, high)
        return low

    def _free(self, now: int) -> Fraction:
        """Return what might be admitted at this moment."""
        used = {
            "fixed": self._fixed,
            "log": self._log,
            "counter": self._counter,
            "bucket": self._owed,
            "gcra": self._owed,
        }[self.policy.algorithm](now)
        return Fraction(self.policy.most) - used

    def _fixed(self, now: int) -> Fraction:
        window = now // self.per
        return Fraction(sum(cost for at, cost in self.past if at // self.per == window))

    def _log(self, now: int) -> Fraction:
        return Fraction(sum(cost for at, cost in self.past if at > now - self.per))

    def _counter(self, now: int) -> Fraction:
        window = now // self.per
        in_view = (window + 1) * self.per - now
        current = sum(cost for at, cost in self.past if at // self.per == window)
        previous = sum(cost for at, cost in self.past if at // self.per == window - 1)
        return current + Fraction(previous * in_view, self.per)

    def _owed(self, now: int) -> Fraction:
        """Return what has been taken and not been refilled, by replaying everything."""
        owed, last = 0, 0  # a unit is `per` here: a microsecond refills `limit` then
        for at, cost in self.past:
            owed = max(owed - self.policy.limit * (at - last), 0) + cost * self.per
            last = at
        return Fraction(max(owed - self.policy.limit * (now - last), 0), self.per)


def most_within(past: list[tuple[int, int]], length: int) -> int:
    """Return the most that was admitted in any half-open stretch of so many microseconds."""
    past, most, used, first = sorted(past), 0, 0, 0
    for at, cost in past:
        used += cost
        while past[first][0] <= at - length:
            used -= past[first][1]
            first += 1
        most = max(most, used)
    return most
