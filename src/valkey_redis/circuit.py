"""What a circuit breaker decides: pure, the time comes in. See `resilience.py`."""

from collections import deque
from typing import Literal

State = Literal["closed", "half_open", "open"]
SLICES = 10  # parts of the window: what is older leaves it part by part


class Circuit:
    """The state, and the account of the calls of the last `window` seconds. Not safe for threads.

    Each time the state changes a new turn begins. A call belongs to the turn in which it was
    admitted: what began before the last change says nothing about what is now.
    """

    def __init__(
        self,
        *,
        failure_rate: float,
        slow_rate: float,
        window: float,
        min_calls: int,
        open_for: float,
        trials: int,
    ) -> None:
        self.state: State = "closed"
        self._failure_rate, self._slow_rate = failure_rate, slow_rate
        self._slice, self._min_calls = window / SLICES, min_calls
        self._open_for, self._trials = open_for, trials
        self._turn = 0
        self._until = 0.0  # when the next trials may go, while it is not closed
        self._running = self._good = 0  # trials of this turn
        # Of each part of the window, the oldest first: its number, calls, failed, slow.
        self._slices: deque[list[int]] = deque(maxlen=SLICES)

    def wait(self, now: float) -> float:
        """Return the seconds until a call may be let through."""
        if self.state == "closed" or (self.state == "half_open" and self._has_room()):
            return 0.0
        return max(self._until - now, 0.0)

    def admit(self, now: float) -> int | None:
        """Return the turn of a call that is let through, None for one that is refused."""
        if self.state == "closed":
            return self._turn
        if self.state == "open":
            if now < self._until:
                return None
            self._change("half_open", now)
        if not self._has_room():
            if now < self._until:
                return None
            self._begin_turn(now)  # the trials that are under way never came back
        self._running += 1
        return self._turn

    def report(self, turn: int, now: float, *, failed: bool, slow: bool) -> bool:
        """Take note of how a call ended; return whether that changed the state."""
        if turn != self._turn:
            return False
        if self.state == "half_open":
            if failed or slow:
                return self.open(now)
            self._running -= 1
            self._good += 1
            return self._good >= self._trials and self.close()
        self._count(now, failed=failed, slow=slow)
        return self._is_bad() and self.open(now)

    def abandon(self, turn: int) -> None:
        """Take note that a call ended without saying anything: another one may try."""
        if turn == self._turn and self.state == "half_open":
            self._running -= 1

    def open(self, now: float) -> bool:
        """Refuse calls for a while from now; return whether that is a change."""
        return self._change("open", now)

    def close(self) -> bool:
        """Let all calls through, and forget the account; return whether that is a change."""
        self._slices.clear()
        return self._change("closed", 0.0)

    def _has_room(self) -> bool:
        return self._running + self._good < self._trials

    def _change(self, state: State, now: float) -> bool:
        before, self.state = self.state, state
        self._good = 0
        self._begin_turn(now)
        return state != before

    def _begin_turn(self, now: float) -> None:
        self._turn += 1
        self._running = 0
        self._until = now + self._open_for

    def _count(self, now: float, *, failed: bool, slow: bool) -> None:
        number = int(now // self._slice)
        if not self._slices or self._slices[-1][0] != number:
            self._slices.append([number, 0, 0, 0])
        while self._slices[0][0] <= number - SLICES:
            self._slices.popleft()
        last = self._slices[-1]
        last[1] += 1
        last[2] += failed
        last[3] += slow

    def _is_bad(self) -> bool:
        calls, failed, slow = (sum(part[i] for part in self._slices) for i in (1, 2, 3))
        if calls < self._min_calls:
            return False
        return failed >= self._failure_rate * calls or slow >= self._slow_rate * calls
