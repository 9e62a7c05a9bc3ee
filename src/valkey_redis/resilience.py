"""Fail quickly, and come back by itself: `CircuitBreaker`; and `retry`, for what may be repeated.

A breaker stands before something that others need, a server or a database. While that is well,
calls pass; when too many fail or are slow, it opens, and callers are told so at once instead of
waiting too; after a pause it lets a few through to see. (M. Nygard, Release It!, 2007)
"""

import functools
import inspect
import threading
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeVar

from valkey_redis.circuit import Circuit, State
from valkey_redis.errors import CircuitOpenError, InvalidArgumentError, ServerUnavailableError
from valkey_redis.retrying import Hurried, raise_when_over

A_DAY = 86_400.0  # seconds
F = TypeVar("F", bound=Callable[..., Any])
Listener = Callable[[str, State], object]


class CircuitBreaker:
    """Refuse calls while what they need fails: as `with breaker.guard():`, or as a decorator.

    It opens when, of the calls of the last `window` seconds and of at least `min_calls`, the share
    `failure_rate` failed, or the share `slow_rate` took longer than `slow_after` seconds (None: no
    call is slow). It stays open for `open_for` seconds; then `trials` calls are let through, and
    no more: if all are good it closes, if one is not it opens again. Trials that never end are
    given up after `open_for` seconds. A call fails with one of `failures`; any other exception is
    an answer, but one that is no Exception (a cancellation) says nothing.

    While a call runs, no lock is held. `clock` must never go back. One breaker is for one thing:
    a server, or one shard; a call within another one through it is refused where that is a trial.
    Safe to share between threads and tasks.
    Raises InvalidArgumentError for what it does not take; refused calls raise CircuitOpenError.
    """

    def __init__(
        self,
        name: str = "",
        *,
        failure_rate: float = 0.5,
        slow_after: float | None = None,
        slow_rate: float = 0.5,
        window: float = 10.0,
        min_calls: int = 10,
        open_for: float = 1.0,
        trials: int = 1,
        failures: tuple[type[Exception], ...] = (Exception,),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._circuit = Circuit(
            failure_rate=_share("failure_rate", failure_rate),
            slow_rate=_share("slow_rate", slow_rate),
            window=_seconds("window", window),
            min_calls=_count("min_calls", min_calls),
            open_for=_seconds("open_for", open_for),
            trials=_count("trials", trials),
        )
        self._slow_after = None if slow_after is None else _seconds("slow_after", slow_after)
        self._failures, self._clock = failures, clock
        self._lock = threading.Lock()
        self._listeners: list[Listener] = []
        self._changes: deque[State] = deque()
        self._telling = threading.RLock()  # one at a time, so that they hear it in order

    def __repr__(self) -> str:
        return f"CircuitBreaker({self.name!r}, {self.state})"

    @property
    def state(self) -> State:
        """Return "closed", "open" or "half_open"; an open one stays so until a call is let through."""
        return self._circuit.state

    @property
    def retry_after(self) -> float:
        """Return the seconds until a call may be let through; 0.0 if it may be now."""
        with self._lock:
            return self._circuit.wait(self._clock())

    def listen(self, listener: Listener) -> None:
        """Call `listener(name, state)` at each change, in order; it must be quick, and not raise."""
        self._listeners.append(listener)

    def guard(self) -> "Guard":
        """Return a context manager, for `with` and `async with`, around one call."""
        return Guard(self)

    def __call__(self, function: F) -> F:
        """Guard each call of the function, or coroutine function."""
        if inspect.iscoroutinefunction(function):

            async def acall(*args: Any, **kwargs: Any) -> Any:
                with self.guard():
                    return await function(*args, **kwargs)

            return functools.wraps(function)(acall)  # type: ignore[return-value]  # same signature

        def call(*args: Any, **kwargs: Any) -> Any:
            with self.guard():
                return function(*args, **kwargs)

        return functools.wraps(function)(call)  # type: ignore[return-value]  # same signature

    def open(self) -> None:
        """Open it by hand, as if too many calls had failed."""
        with self._lock:
            self._note(self._circuit.open(self._clock()))
        self._tell()

    def close(self) -> None:
        """Close it by hand, and forget what failed."""
        with self._lock:
            self._note(self._circuit.close())
        self._tell()

    def _admit(self) -> tuple[int, float]:
        """Return the number of the circuit's turn, and when the call began."""
        with self._lock:
            now = self._clock()
            before = self._circuit.state
            turn = self._circuit.admit(now)
            self._note(self._circuit.state != before)
            wait = self._circuit.wait(now) if turn is None else 0.0
        self._tell()
        if turn is None:
            name = self.name or "circuit breaker"
            raise CircuitOpenError(f"{name}: not asked for {wait:.1f} s more, as it failed", wait)
        return turn, now

    def _report(self, turn: int, began: float, error: BaseException | None) -> None:
        with self._lock:
            now = self._clock()
            if error is not None and not isinstance(error, Exception):
                self._circuit.abandon(turn)
                return
            is_slow = self._slow_after is not None and now - began > self._slow_after
            has_failed = isinstance(error, self._failures)
            self._note(self._circuit.report(turn, now, failed=has_failed, slow=is_slow))
        self._tell()

    def _note(self, has_changed: bool) -> None:
        if has_changed:
            self._changes.append(self._circuit.state)

    def _tell(self) -> None:
        if not self._changes:
            return
        with self._telling:
            while self._changes:
                state = self._changes.popleft()
                for listener in self._listeners:
                    listener(self.name, state)


class Guard:
    """One call through a breaker."""

    __slots__ = ("_began", "_breaker", "_turn")

    def __init__(self, breaker: CircuitBreaker) -> None:
        self._breaker = breaker

    def __enter__(self) -> Self:
        self._turn, self._began = self._breaker._admit()  # noqa: SLF001 - its other half
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._breaker._report(self._turn, self._began, error)  # noqa: SLF001 - its other half

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, trace)


def retry(
    attempts: int = 3,
    *,
    base: float = 0.05,
    cap: float = 1.0,
    on: tuple[type[Exception], ...] = (ServerUnavailableError,),
) -> Callable[[F], F]:
    """Repeat a function, or coroutine function, that may be repeated, up to `attempts` times more.

    Before the n-th repeat it waits a random part of `base` * 2**n seconds, `cap` at most (full
    jitter: M. Brooker, Exponential Backoff And Jitter, 2015), and never beyond the `deadline`.
    Only after one of `on`: what is a mistake stays one. Not for what counts twice if done twice,
    and not around this package's clients, which repeat by themselves what may be.
    """
    from valkey.asyncio.retry import Retry as AsyncRetry  # noqa: PLC0415 - only where it is used
    from valkey.backoff import FullJitterBackoff  # noqa: PLC0415 - as above
    from valkey.retry import Retry  # noqa: PLC0415 - as above

    _count("attempts", attempts)
    # Any: the drivers' types ask for a class of their own, and for errors of their own.
    backoff: Any = Hurried(FullJitterBackoff(_seconds("cap", cap), _seconds("base", base)))
    kinds: Any = on

    def decorate(function: F) -> F:
        if inspect.iscoroutinefunction(function):

            async def stop_in_time(error: Exception) -> None:
                raise_when_over(error)

            async def acall(*args: Any, **kwargs: Any) -> Any:
                policy = AsyncRetry(backoff, attempts, kinds)
                return await policy.call_with_retry(lambda: function(*args, **kwargs), stop_in_time)

            return functools.wraps(function)(acall)  # type: ignore[return-value]  # same signature

        def call(*args: Any, **kwargs: Any) -> Any:
            policy = Retry(backoff, attempts, kinds)
            return policy.call_with_retry(lambda: function(*args, **kwargs), raise_when_over)

        return functools.wraps(function)(call)  # type: ignore[return-value]  # same signature

    return decorate


def _share(name: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 1:
        raise InvalidArgumentError(f"{name}={value!r:.40}: takes more than 0, at most 1")
    return value


def _seconds(name: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= A_DAY:
        raise InvalidArgumentError(
            f"{name}={value!r:.40}: takes seconds, more than 0, a day at most"
        )
    return value


def _count(name: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidArgumentError(f"{name}={value!r:.40}: takes 1 or more")
    return value
