"""The same limits in this process alone, for as long as the server is away. No I/O here.

Each process counts for itself and begins with nothing used: four processes together admit
four times the limit. The scripts say the same of the same hits; the tests hold both against
a third opinion.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, NamedTuple

from valkey_redis.decision import Decision, decide
from valkey_redis.limits import Policy, Terms

MOST_KEYS = 10_000


class _Found(NamedTuple):
    """What an algorithm says, in ticks: see limit_begin.lua."""

    retry: int
    remaining: int
    reset: int
    counted_reset: int
    state: Any


def _fixed(state: Any, now: int, cost: int, terms: Terms) -> _Found:
    window, used = now // terms.per, 0
    if state is not None and state[0] == window:
        used = state[1]
    ends = (window + 1) * terms.per - now
    retry = ends if used + cost > terms.most else 0
    return _Found(retry, terms.most - used, ends if used else 0, ends, (window, used + cost))


def _counter(state: Any, now: int, cost: int, terms: Terms) -> _Found:
    window, current, previous = now // terms.per, 0, 0
    if state is not None and state[0] == window:
        _, current, previous = state
    elif state is not None and state[0] == window - 1:
        previous = state[1]
    left = (window + 1) * terms.per - now
    free = (terms.most - current) * terms.per - previous * left
    retry = 0
    if cost * terms.per > free:
        if current + cost <= terms.most:
            retry = left - (terms.most - current - cost) * terms.per // previous
        else:
            retry = left + terms.per - (terms.most - cost) * terms.per // current
    reset = left + terms.per if current else left if previous else 0
    after = (window, current + cost, previous)
    return _Found(retry, free // terms.per, reset, left + terms.per, after)


def _refilled(state: Any, now: int, cost: int, terms: Terms) -> _Found:
    """Decide by a bucket: GCRA says the same."""
    full = terms.most * terms.per
    level = full if state is None else min(state[0] + (now - state[1]) * terms.rate, full)
    rest = level - cost * terms.per
    return _Found(
        -(min(rest, 0) // terms.rate),
        level // terms.per,
        -((level - full) // terms.rate),
        -((rest - full) // terms.rate),
        (rest, now),
    )


def _log(state: Any, now: int, cost: int, terms: Terms) -> _Found:
    moments: deque[int] = deque() if state is None else state
    while moments and moments[0] <= now - terms.per:
        moments.popleft()
    excess = len(moments) + cost - terms.most
    retry = moments[excess - 1] + terms.per - now if excess > 0 else 0
    reset = moments[-1] + terms.per - now if moments else 0
    return _Found(retry, terms.most - len(moments), reset, terms.per, moments)


_ALGORITHMS: dict[str, Callable[[Any, int, int, Terms], _Found]] = {
    "fixed": _fixed,
    "counter": _counter,
    "bucket": _refilled,
    "gcra": _refilled,
    "log": _log,
}


class LocalLimits:
    """What this process has admitted by key; safe to share between threads.

    It keeps MOST_KEYS keys; of more, those that are used up to the soonest moment are forgotten.
    `clock` gives nanoseconds that never go back.
    """

    def __init__(self, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock = clock
        self._states: dict[str, tuple[int, Any]] = {}  # until when it means something, and what
        self._lock = threading.Lock()

    def decide(
        self, keys: Sequence[str], policies: Sequence[Policy], cost: int, *, counts: bool
    ) -> Decision:
        """Decide as the server would, all or nothing; `counts` is False to look only."""
        with self._lock:
            now = self._clock() // 1000
            found = [
                self._look(key, now // policy.terms.tick, cost, policy.terms)
                for key, policy in zip(keys, policies, strict=True)
            ]
            admitted = counts and not any(one.retry for one in found)
            states = []
            for key, policy, one in zip(keys, policies, found, strict=True):
                tick = policy.terms.tick
                remaining, reset = one.remaining, one.reset
                if admitted:
                    if isinstance(one.state, deque):  # the log is too long to be copied
                        one.state.extend([now] * cost)
                    remaining, reset = remaining - cost, one.counted_reset
                    self._states[key] = (now + reset * tick, one.state)
                states += [remaining, one.retry * tick, reset * tick]
            if len(self._states) > MOST_KEYS:
                self._forget_some(now)
            return decide(policies, states, is_degraded=True)

    def forget(self, keys: Sequence[str]) -> None:
        """Forget what was admitted by these keys."""
        with self._lock:
            for key in keys:
                self._states.pop(key, None)

    def _look(self, key: str, now: int, cost: int, terms: Terms) -> _Found:
        _, state = self._states.get(key, (0, None))
        return _ALGORITHMS[terms.algorithm](state, now, cost, terms)

    def _forget_some(self, now: int) -> None:
        """Forget what means nothing any more, and a tenth more, so that this is not done each time."""
        alive = {key: state for key, state in self._states.items() if state[0] > now}
        excess = max(len(alive) - MOST_KEYS * 9 // 10, 0)
        for key in list(islice(sorted(alive, key=lambda key: alive[key][0]), excess)):
            del alive[key]
        self._states = alive
