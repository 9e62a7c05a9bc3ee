"""What a circuit breaker decides, beside a plain model; and its threads."""

import asyncio
import inspect
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from valkey_redis import CircuitBreaker, CircuitOpenError, InvalidArgumentError
from valkey_redis.circuit import SLICES, Circuit

WINDOW, OPEN_FOR = 10.0, 3.0
TERMS = {"failure_rate": 0.5, "slow_rate": 0.5, "window": WINDOW, "min_calls": 2}


class Model:
    """The same rules, from the list of all that ever happened."""

    def __init__(self, trials: int) -> None:
        self.state, self.trials = "closed", trials
        self.ended: list[tuple[float, bool, bool]] = []  # since it was closed: when, failed, slow
        self.since = 0.0
        self.running: list[object] = []  # calls that count
        self.good = 0

    def _go(self, state: str, now: float) -> None:
        self.state, self.since, self.running, self.good = state, now, [], 0
        if state == "closed":
            self.ended = []

    def admit(self, now: float) -> object | None:
        """Return the call, None if it is refused."""
        if self.state == "open" and now >= self.since + OPEN_FOR:
            self._go("half_open", now)
        if self.state == "open":
            return None
        if self.state == "half_open" and len(self.running) + self.good >= self.trials:
            if now < self.since + OPEN_FOR:
                return None
            self.since, self.running = now, []
        call = object()
        self.running.append(call)
        return call

    def report(self, call: object, now: float, *, failed: bool, slow: bool) -> None:
        """Take note of how a call ended."""
        if call not in self.running:
            return
        self.running.remove(call)
        if self.state == "half_open":
            self.good += not (failed or slow)
            if failed or slow:
                self._go("open", now)
            elif self.good == self.trials:
                self._go("closed", now)
            return
        self.ended.append((now, failed, slow))
        part = WINDOW / SLICES
        recent = [one for one in self.ended if one[0] // part > now // part - SLICES]
        if len(recent) >= TERMS["min_calls"]:
            bad = max(sum(one[i] for one in recent) for i in (1, 2))
            if bad >= len(recent) / 2:
                self._go("open", now)


class Pair:
    """The circuit and the model, told the same."""

    def __init__(self, trials: int) -> None:
        self.circuit = Circuit(**TERMS, open_for=OPEN_FOR, trials=trials)  # type: ignore[arg-type]  # a dict of several types
        self.model, self.now = Model(trials), 0.0
        self.calls: list[tuple[int, object]] = []

    def begin(self) -> None:
        """Begin a call, if it may."""
        turn, call = self.circuit.admit(self.now), self.model.admit(self.now)
        assert (turn is None) == (call is None)
        if turn is not None and call is not None:
            self.calls.append((turn, call))

    def call(self, outcome: str) -> None:
        """Begin a call, if it may, and end it."""
        before = len(self.calls)
        self.begin()
        if len(self.calls) > before:
            self.end(-1, outcome)

    def end(self, place: int, outcome: str) -> None:
        """End one of the calls."""
        if self.calls:
            turn, call = self.calls.pop(place % len(self.calls))
            failed, slow = outcome == "failed", outcome == "slow"
            self.circuit.report(turn, self.now, failed=failed, slow=slow)
            self.model.report(call, self.now, failed=failed, slow=slow)

    def give_up(self, place: int) -> None:
        """End one of the calls without an outcome."""
        if self.calls:
            turn, call = self.calls.pop(place % len(self.calls))
            self.circuit.abandon(turn)
            if call in self.model.running:
                self.model.running.remove(call)


OUTCOMES = st.sampled_from(["good", "good", "failed", "failed", "slow"])
STEPS = st.one_of(
    st.tuples(st.just("call"), OUTCOMES),
    st.tuples(st.just("call"), OUTCOMES),
    st.just(("begin",)),
    st.tuples(st.just("end"), st.integers(0, 9), OUTCOMES),
    st.tuples(st.just("give up"), st.integers(0, 9)),
    st.tuples(st.just("wait"), st.sampled_from([0.1, 0.9, 2.9, 3.0, 3.0, 9.0])),
)


@settings(deadline=None)
@given(trials=st.integers(1, 3), steps=st.lists(STEPS, max_size=60))
def test_the_circuit_does_as_a_plain_model(trials: int, steps: list[tuple[Any, ...]]) -> None:
    """Whatever begins, ends well, fails, is slow, is cancelled, and whenever: the same state."""
    pair = Pair(trials)
    does: dict[str, Callable[..., None]] = {
        "call": pair.call,
        "begin": pair.begin,
        "end": pair.end,
        "give up": pair.give_up,
    }
    for name, *rest in steps:
        if name == "wait":
            pair.now += rest[0]
        else:
            does[name](*rest)
        assert pair.circuit.state == pair.model.state
        assert pair.circuit.wait(pair.now) <= OPEN_FOR


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self.now


def _opened(clock: Clock, **settings: Any) -> CircuitBreaker:
    breaker = CircuitBreaker("db", min_calls=1, open_for=OPEN_FOR, clock=clock, **settings)
    with pytest.raises(ZeroDivisionError), breaker.guard():
        raise ZeroDivisionError
    assert breaker.state == "open"
    return breaker


@pytest.mark.parametrize("trials", [1, 3])
def test_of_many_threads_exactly_the_trials_go_through(trials: int) -> None:
    """In half-open, all at once: so many are inside, all others are refused at once."""
    clock = Clock()
    breaker = _opened(clock, trials=trials)
    clock.now += OPEN_FOR
    together, go_on = threading.Barrier(24), threading.Event()
    inside, refused = [], []

    def call() -> None:
        together.wait()
        try:
            with breaker.guard():
                inside.append(1)
                go_on.wait(10)
        except CircuitOpenError:
            refused.append(1)
            if len(refused) == 24 - trials:
                go_on.set()

    threads = [threading.Thread(target=call) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    # Had the breaker held a lock during a call, the others would not have been refused meanwhile.
    assert (len(inside), len(refused), go_on.is_set()) == (trials, 24 - trials, True)
    assert breaker.state == "closed"


async def test_of_many_tasks_exactly_the_trials_go_through() -> None:
    """The same with tasks, and with the decorator."""
    clock = Clock()
    breaker = _opened(clock, trials=2)
    clock.now += OPEN_FOR
    go_on = asyncio.Event()

    @breaker
    async def call() -> str:
        await go_on.wait()
        return "through"

    tasks = [asyncio.ensure_future(call()) for _ in range(20)]
    await asyncio.sleep(0)
    go_on.set()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert ended.count("through") == 2
    assert sum(isinstance(one, CircuitOpenError) for one in ended) == 18


def test_a_slow_trial_that_began_before_says_nothing() -> None:
    """A call of the time before it opened ends well, or fails, when it is half open: no matter."""
    clock = Clock()
    breaker = CircuitBreaker(min_calls=1, open_for=OPEN_FOR, clock=clock)
    early = [breaker.guard().__enter__() for _ in range(2)]
    with pytest.raises(ZeroDivisionError), breaker.guard():
        raise ZeroDivisionError
    clock.now += OPEN_FOR
    with breaker.guard():
        early[0].__exit__(None, None, None)
        assert breaker.state == "half_open"
        early[1].__exit__(ValueError, ValueError(), None)
        assert breaker.state == "half_open"
    assert breaker.state == "closed"


def test_trials_that_never_end_are_given_up() -> None:
    """A trial that hangs must not keep the breaker half open for ever."""
    clock = Clock()
    breaker = _opened(clock)
    clock.now += OPEN_FOR
    breaker.guard().__enter__()  # it hangs
    with pytest.raises(CircuitOpenError), breaker.guard():
        raise AssertionError
    clock.now += OPEN_FOR
    with breaker.guard():
        pass
    assert breaker.state == "closed"


def test_few_calls_close_it_in_time() -> None:
    """Three trials, of which the next comes long after the other: none of them is forgotten."""
    clock = Clock()
    breaker = _opened(clock, trials=3)
    for _ in range(3):
        assert breaker.state != "closed"
        clock.now += 10 * OPEN_FOR
        with breaker.guard():
            pass
    assert breaker.state == "closed"


def test_trials_that_ended_well_are_trials() -> None:
    """One is done and one is on its way: of two permitted ones there is no third."""
    clock = Clock()
    breaker = _opened(clock, trials=2)
    clock.now += OPEN_FOR
    with breaker.guard():
        pass
    with breaker.guard():
        with pytest.raises(CircuitOpenError), breaker.guard():
            raise AssertionError
        assert breaker.state == "half_open"
    assert breaker.state == "closed"


def test_each_time_it_is_half_open_all_trials_count_anew() -> None:
    """Neither the good ones of last time, nor one that hangs since then."""
    clock = Clock()
    breaker = _opened(clock, trials=2)
    clock.now += OPEN_FOR
    with breaker.guard():
        pass
    breaker.guard().__enter__()  # it hangs
    breaker.open()
    clock.now += OPEN_FOR
    with breaker.guard():
        pass
    assert breaker.state == "half_open"
    with breaker.guard():
        pass
    assert breaker.state == "closed"


def test_a_call_counts_for_the_window_and_no_longer() -> None:
    """What failed in its first part is forgotten when that many parts are over."""
    clock = Clock()
    clock.now = 0.0
    breaker = CircuitBreaker(min_calls=2, failure_rate=1.0, window=WINDOW, clock=clock)
    for moment in (0.0, WINDOW):
        clock.now = moment
        with pytest.raises(ZeroDivisionError), breaker.guard():
            raise ZeroDivisionError
    assert breaker.state == "closed"
    clock.now = 2 * WINDOW - WINDOW / SLICES
    with pytest.raises(ZeroDivisionError), breaker.guard():
        raise ZeroDivisionError
    assert breaker.state == "open"


def test_a_cancelled_call_says_nothing() -> None:
    """It neither opens nor closes; another one may try."""
    clock = Clock()
    breaker = CircuitBreaker(min_calls=1, clock=clock)
    with pytest.raises(KeyboardInterrupt), breaker.guard():
        raise KeyboardInterrupt
    assert breaker.state == "closed"
    breaker = _opened(clock)
    clock.now += OPEN_FOR
    with pytest.raises(KeyboardInterrupt), breaker.guard():
        raise KeyboardInterrupt
    assert breaker.state == "half_open"
    with breaker.guard():
        pass
    assert breaker.state == "closed"


def test_only_its_failures_fail() -> None:
    """Any other exception is an answer: the row that is not there, the key that is taken."""
    breaker = CircuitBreaker(min_calls=1, failures=(OSError,))
    with pytest.raises(KeyError), breaker.guard():
        raise KeyError
    assert breaker.state == "closed"
    with pytest.raises(OSError), breaker.guard():  # noqa: PT011 - of any text
        raise ConnectionResetError
    assert breaker.state == "open"


def test_slow_calls_open_it() -> None:
    """A call that takes longer than slow_after seconds, although it ended well; in a trial, too."""
    clock = Clock()
    breaker = CircuitBreaker(
        min_calls=1, slow_after=1.0, slow_rate=1.0, open_for=OPEN_FOR, clock=clock
    )

    def take(seconds: float) -> None:
        with breaker.guard():
            clock.now += seconds

    take(1.0)
    assert breaker.state == "closed"
    breaker.close()  # forgets that one
    take(1.5)
    assert breaker.state == "open"
    clock.now += OPEN_FOR
    take(1.5)
    assert breaker.state == "open"


def test_what_is_old_is_forgotten() -> None:
    """Failures of before the window do not count; a success does not wipe out the others."""
    clock = Clock()
    breaker = CircuitBreaker(min_calls=3, window=WINDOW, clock=clock)

    def fail() -> None:
        with pytest.raises(ZeroDivisionError), breaker.guard():
            raise ZeroDivisionError

    fail()
    fail()
    clock.now += 2 * WINDOW
    fail()
    assert breaker.state == "closed"
    with breaker.guard():
        pass
    fail()
    assert breaker.state == "open"


def test_the_clock_is_monotonic() -> None:
    """A wall clock may be set back, and would keep a breaker open until it is there again."""
    assert inspect.signature(CircuitBreaker).parameters["clock"].default is time.monotonic


def test_listeners_hear_each_change_in_order() -> None:
    """With the breaker's name; a listener may look at the breaker, and close it."""
    clock, heard = Clock(), []
    breaker = CircuitBreaker("db", min_calls=1, open_for=OPEN_FOR, clock=clock)
    breaker.listen(lambda name, state: heard.append((name, state, breaker.state)))
    breaker.open()
    breaker.open()
    clock.now += OPEN_FOR
    with breaker.guard():
        pass
    breaker.listen(lambda _, state: breaker.close() if state == "open" else None)
    breaker.open()
    told = [state for _, state, _ in heard]
    assert told == ["open", "half_open", "closed", "open", "closed"]
    assert {name for name, _, _ in heard} == {"db"}


def test_changes_that_came_while_another_was_told_are_told_in_order() -> None:
    """A thread changes it twice while a listener of another thread is still busy."""
    heard: list[str] = []
    breaker = CircuitBreaker("db")

    def listener(_: str, state: str) -> None:
        heard.append(state)
        if len(heard) == 1:
            breaker._changes.extend(["half_open", "closed"])  # as that thread would

    breaker.listen(listener)
    breaker.open()
    assert heard == ["open", "half_open", "closed"]


def test_a_refusal_says_how_long() -> None:
    """The error names the breaker and the seconds; nothing of the function is called."""
    clock = Clock()
    breaker = _opened(clock)
    clock.now += 1
    calls: list[int] = []
    guarded = breaker(calls.append)
    with pytest.raises(CircuitOpenError, match=r"^db: not asked for 2.0 s more") as caught:
        guarded(1)
    assert (caught.value.retry_after, breaker.retry_after, calls) == (2.0, 2.0, [])


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"failure_rate": 0}, "failure_rate=0: takes more than 0, at most 1"),
        ({"failure_rate": 1.1}, "failure_rate=1.1: takes more than 0, at most 1"),
        ({"slow_rate": float("nan")}, "slow_rate=nan: takes more than 0, at most 1"),
        ({"window": 0}, "window=0: takes seconds, more than 0, a day at most"),
        ({"open_for": -1}, "open_for=-1: takes seconds, more than 0, a day at most"),
        ({"slow_after": True}, "slow_after=True: takes seconds, more than 0, a day at most"),
        ({"min_calls": 0}, "min_calls=0: takes 1 or more"),
        ({"trials": 1.5}, "trials=1.5: takes 1 or more"),
    ],
)
def test_a_bad_setting_is_refused(settings_: dict[str, Any], message: str) -> None:
    """One line: what was given, what is taken."""
    with pytest.raises(InvalidArgumentError) as caught:
        CircuitBreaker(**settings_)
    assert str(caught.value) == message
