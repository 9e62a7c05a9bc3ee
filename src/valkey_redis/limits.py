"""The limits: how many in how many seconds, by which algorithm. Pure, no I/O.

All five count in whole microseconds of the server's clock and in whole numbers below 2^53,
so that neither a huge rate nor a tiny one loses a fraction.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache, cached_property
from math import gcd
from typing import Any, ClassVar, NamedTuple

from valkey_redis import scripts
from valkey_redis.commands import Lifetime
from valkey_redis.errors import InvalidArgumentError
from valkey_redis.scripts import Script

MOST = 10**9
MOST_IN_LOG = 100_000  # moments that are kept, and perhaps added at once
SHORTEST, LONGEST = 0.001, 315_360_000  # seconds: a millisecond, ten years
EXACT = 2**53  # the largest whole number below which Lua has all
LONGEST_REFILL = 100 * 365 * 86_400 * 10**6  # microseconds
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,60}")


class Terms(NamedTuple):
    """What a script is told of a limit: `most` at once, `rate` more in `per` ticks."""

    algorithm: str
    tick: int  # microseconds
    most: int
    per: int
    rate: int


@dataclass(frozen=True)
class Policy:
    """What all limits have: `limit` in `per` seconds (or a timedelta), rounded to microseconds.

    `name` is how headers call it, and what keeps two equal limits apart. Raises
    InvalidArgumentError for what it does not take.
    """

    algorithm: ClassVar[str]
    largest: ClassVar[int] = MOST
    limit: int
    per: Lifetime
    name: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        _whole("limit", self.limit, self.largest)
        per = self.per.total_seconds() if isinstance(self.per, timedelta) else self.per
        is_number = isinstance(per, (int, float)) and not isinstance(per, bool)
        if not is_number or not SHORTEST <= per <= LONGEST:
            raise InvalidArgumentError(
                f"per={self.per!r:.40}: takes seconds from {SHORTEST} to {LONGEST}, or a timedelta"
            )
        object.__setattr__(self, "per", int(per) if per == int(per) else per)
        if not self.name:
            object.__setattr__(self, "name", f"{self.limit}-per-{self.per}s")
        elif not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise InvalidArgumentError(
                f"name={self.name!r:.70}: takes 1 to 60 letters, digits, '_', '.' and '-'"
            )
        self.terms  # noqa: B018 - refuses what cannot be counted exactly

    @property
    def most(self) -> int:
        """Return what it admits at once at most: the largest cost."""
        return self.limit

    @property
    def bound(self) -> int:
        """Return what it admits at most in any `per` seconds, wherever they begin."""
        raise NotImplementedError

    @property
    def microseconds(self) -> int:
        """Return the length of `per`."""
        assert not isinstance(self.per, timedelta)  # noqa: S101 - it was made a number
        return round(self.per * 10**6)

    @cached_property
    def terms(self) -> Terms:
        """Return what the script is told."""
        return Terms(self.algorithm, 1, self.limit, self.microseconds, 1)

    @property
    def key(self) -> str:
        """Return the end of its keys: another limit has other keys, so that none reads another's."""
        parts = (self.algorithm, self.limit, self.microseconds, self.most, self.name)
        return ":".join(map(str, parts))


class FixedWindow(Policy):
    """So many in each window; the windows begin at multiples of `per` since 1970.

    The simplest, one small key. At a window's edge it admits twice the limit: all at the end
    of one, all at the beginning of the next. Use it for quotas that people read ("a day").
    """

    algorithm = "fixed"

    @property
    def bound(self) -> int:
        """Return what it admits at most in any `per` seconds, wherever they begin."""
        return 2 * self.limit


class SlidingLog(Policy):
    """Exactly so many in any `per` seconds, wherever they begin.

    The price is memory: one member of a sorted set, some 80 bytes, for each that was admitted;
    so the limit is at most 100,000.
    """

    algorithm = "log"
    largest = MOST_IN_LOG

    @property
    def bound(self) -> int:
        """Return what it admits at most in any `per` seconds, wherever they begin."""
        return self.limit


class SlidingCounter(Policy):
    """The count of this window, and of the one before for the share of it still in view.

    One small key. It takes the window before for evenly used. If all came at its end, then a
    stream that follows is let through too early: less than twice the limit in any `per`
    seconds, though never more than the limit in a burst across the edge.
    """

    algorithm = "counter"

    @property
    def bound(self) -> int:
        """Return what it admits at most in any `per` seconds, wherever they begin."""
        return 2 * self.limit - 1

    @cached_property
    def terms(self) -> Terms:
        """Return what the script is told."""
        tick = _tick(self, self.limit)
        return Terms(self.algorithm, tick, self.limit, self.microseconds // tick, 1)


@dataclass(frozen=True)
class _Refilled(Policy):
    """What is refilled evenly, up to `burst`."""

    burst: int | None = None

    def __post_init__(self) -> None:
        if self.burst is not None:
            _whole("burst", self.burst, MOST)
        super().__post_init__()

    @property
    def most(self) -> int:
        """Return what it admits at once at most: the largest cost."""
        return self.limit if self.burst is None else self.burst

    @property
    def bound(self) -> int:
        """Return what it admits at most in any `per` seconds, wherever they begin."""
        return self.most + self.limit

    @cached_property
    def terms(self) -> Terms:
        """Return what the script is told."""
        if self.most * self.microseconds > LONGEST_REFILL * self.limit:
            raise InvalidArgumentError(
                f"burst={self.most}: takes what is refilled within a hundred years"
            )
        tick = _tick(self, self.most, self.limit)
        ticks = self.microseconds // tick
        common = gcd(ticks, self.limit)
        return Terms(self.algorithm, tick, self.most, ticks // common, self.limit // common)


class TokenBucket(_Refilled):
    """A bucket of `burst` tokens (the limit, if not given), refilled by `limit` in `per` seconds.

    One small key. Never more than `burst` at once, and in the long run never more than the
    rate; in any `per` seconds at most `burst + limit`.
    """

    algorithm = "bucket"


class GCRA(_Refilled):
    """As TokenBucket, decision for decision, kept as one moment: the theoretical arrival time.

    In any `per` seconds at most `burst + limit`; `burst=1` spaces evenly. (ITU-T I.371, annex A)
    """

    algorithm = "gcra"


def _whole(name: str, value: Any, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise InvalidArgumentError(f"{name}={value!r:.40}: takes a whole number from 1 to {most}")


def _tick(policy: Policy, most: int, rate: int = 1) -> int:
    """Return the finest tick in which the script's products stay exact, in microseconds."""
    for tick in (10**power for power in range(7)):
        ticks, rest = divmod(policy.microseconds, tick)
        if rest:
            break
        if most * (ticks // gcd(ticks, rate)) <= EXACT:
            return int(tick)
    raise InvalidArgumentError(
        f"{most} and per={policy.per}: too many in too long to be counted exactly; "
        "takes a rounder `per`, or less"
    )


def check_cost(policies: Sequence[Policy], cost: int) -> None:
    """Raise InvalidArgumentError for a cost that is not 1 or more, or that no limit can ever admit."""
    most = min(policy.most for policy in policies)
    if isinstance(cost, bool) or not isinstance(cost, int) or not 1 <= cost <= most:
        raise InvalidArgumentError(
            f"cost={cost!r:.40}: takes 1 to {most}, as more would never be admitted"
        )


@cache
def script(algorithms: frozenset[str], end: str) -> Script:
    """Return the script that decides by these algorithms; `end` is "one" or "many"."""
    names = ["begin", *sorted(algorithms), end]
    source = "\n".join(scripts.load(f"limit_{name}").source for name in names)
    sha = hashlib.sha1(source.encode()).hexdigest()  # noqa: S324 - see Script
    return Script("+".join(names), source, sha)
