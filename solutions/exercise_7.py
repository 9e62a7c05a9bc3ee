"""Exercise 7: resilience. One good solution; others pass too."""

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, TypeVar

import valkey
from valkey import Valkey

T = TypeVar("T")
ATTEMPTS, BASE, CAP = 3, 0.1, 1.0  # of task 8
DAY = 86_400  # seconds
UNREACHABLE = (valkey.ConnectionError, valkey.TimeoutError)
MOST_DOUBLED = 60  # times: longer than any cap, and no overflow

# KEYS: a number, a request's mark, which holds the answer. ARGV: an amount, seconds. As text: a
# number of Lua has 53 bits. What may fail comes first, so that nothing is noted then.
ADD = """
local told = redis.call('GET', KEYS[2])
if told then return told end
redis.call('INCRBY', KEYS[1], ARGV[1])
local number = redis.call('GET', KEYS[1])
redis.call('SET', KEYS[2], number, 'EX', ARGV[2])
return number
"""
# KEYS: the pieces left, an order's mark. ARGV: seconds.
RESERVE = """
if redis.call('EXISTS', KEYS[2]) == 1 then return 1 end
if tonumber(redis.call('GET', KEYS[1]) or 0) < 1 then return 0 end
redis.call('DECR', KEYS[1])
redis.call('SET', KEYS[2], '', 'EX', ARGV[1])
return 1
"""
_ends: ContextVar[float | None] = ContextVar("_ends", default=None)  # by time.monotonic()


class CircuitOpenError(Exception):
    """The breaker is open: the call was not made."""


def connect(host: str, port: int, timeout: float) -> Valkey:
    """Return a client that never waits for long."""
    if not timeout > 0:  # so written, NaN is refused too
        raise ValueError(f"timeout: {timeout!r}; takes seconds above 0")
    return Valkey(
        host=host,
        port=port,
        socket_connect_timeout=timeout,
        socket_timeout=timeout,
        decode_responses=True,
    )


def with_retries(
    call: Callable[[], T], *, attempts: int, base: float, cap: float, dice: Callable[[], float]
) -> T:
    """Return what the call returns, tried again with full jitter."""
    if attempts < 1:
        raise ValueError(f"attempts: {attempts!r}; takes 1 or more")
    for number in range(attempts - 1):
        try:
            return call()
        except valkey.AuthenticationError:  # an answer
            raise
        except UNREACHABLE:
            time.sleep(dice() * min(cap, base * 2 ** min(number, MOST_DOUBLED)))
    return call()


class _Breaker:
    """What task 3 asks for. The lock guards a few lines each time, and never a call."""

    def __init__(self, rate: float, least: int, window: float, pause: float, trials: int) -> None:
        self._rate, self._least, self._window = rate, least, window
        self._pause, self._trials = pause, trials
        self._lock = threading.Lock()
        self._turn = 0  # a new one with each change of state: who began before changes nothing
        self._ended: deque[tuple[float, bool]] = deque()  # when, and whether it failed
        self._opened: float | None = None
        self._is_half_open = False
        self._begun = self._well = 0  # trials

    def __call__(self, call: Callable[[], Any]) -> Any:
        turn, failed = self._admit(), False
        try:
            return call()
        except valkey.AuthenticationError:
            raise
        except UNREACHABLE:
            failed = True
            raise
        finally:
            self._note(turn, failed=failed)

    def _admit(self) -> int:
        with self._lock:
            if self._opened is not None:
                if time.monotonic() - self._opened < self._pause:
                    raise CircuitOpenError
                self._turn += 1
                self._opened, self._is_half_open = None, True
                self._begun = self._well = 0
            if self._is_half_open:
                if self._begun == self._trials:
                    raise CircuitOpenError
                self._begun += 1
            return self._turn

    def _note(self, turn: int, *, failed: bool) -> None:
        with self._lock:
            if turn != self._turn:
                return
            now = time.monotonic()
            if self._is_half_open:
                self._well += not failed
                if failed:
                    self._open(now)
                elif self._well == self._trials:
                    self._turn += 1
                    self._is_half_open = False
                return
            self._ended.append((now, failed))
            while now - self._ended[0][0] >= self._window:
                self._ended.popleft()
            failures = sum(failed for _, failed in self._ended)
            are_enough = len(self._ended) >= self._least
            if failed and are_enough and failures / len(self._ended) >= self._rate:
                self._open(now)

    def _open(self, now: float) -> None:
        self._turn += 1
        self._opened, self._is_half_open = now, False
        self._ended.clear()


def circuit_breaker(
    *, rate: float, least: int, window: float, pause: float, trials: int
) -> Callable[[Callable[[], T]], T]:
    """Return a breaker."""
    if not 0 < rate <= 1:
        raise ValueError(f"rate: {rate!r}; takes a part, above 0 and up to 1")
    return _Breaker(rate, least, window, pause, trials)


def get_or_stale(
    client: Valkey, key: str, load: Callable[[], str], *, fresh: float, stale: float
) -> str:
    """Return the value: fresh, loaded, or stale."""
    # One key, and one clock, the server's: what it has left tells whether it is fresh.
    kept, left, has_cache = None, -1, True
    try:
        pipe = client.pipeline(transaction=True)
        kept, left = pipe.get(key).pttl(key).execute()
    except valkey.ValkeyError:
        has_cache = False
    if kept is not None and left > stale * 1000:
        return str(kept)
    try:
        value = load()
    except Exception:
        if kept is None:
            raise
        return str(kept)
    if has_cache:
        with suppress(valkey.ValkeyError):  # the next call loads again
            client.set(key, value, px=round((fresh + stale) * 1000))
    return value


def add_once(client: Valkey, key: str, amount: int, request: str, *, remember: int) -> int:
    """Add to a number once for each request."""
    return int(client.eval(ADD, 2, key, f"{{{key}}}:done:{request}", amount, remember))


class _Limiter:
    """What task 6 asks for."""

    def __init__(
        self, allow: Callable[[str], bool], fallback: Callable[[str], bool], pause: float
    ) -> None:
        self._allow, self._fallback, self._pause = allow, fallback, pause
        self._lock = threading.Lock()
        self._down_since: float | None = None
        self._somebody_asks = False  # after the pause

    def __call__(self, key: str) -> bool:
        if not self._may_ask():
            return self._fallback(key)
        is_down = False
        try:
            return self._allow(key)
        except valkey.AuthenticationError:
            raise
        except UNREACHABLE:
            is_down = True
        finally:
            # From now, not from when it was asked: the timeout may be longer than the pause.
            with self._lock:
                self._somebody_asks = False
                self._down_since = time.monotonic() if is_down else None
        return self._fallback(key)

    def _may_ask(self) -> bool:
        with self._lock:
            if self._down_since is None:
                return True
            if self._somebody_asks or time.monotonic() - self._down_since < self._pause:
                return False
            self._somebody_asks = True
            return True


def limiter(
    allow: Callable[[str], bool],
    *,
    when_down: str,
    local: Callable[[str], bool],
    pause: float,
) -> Callable[[str], bool]:
    """Return a limiter that decides without the server, too."""
    fallbacks = {"open": lambda _: True, "closed": lambda _: False, "local": local}
    if when_down not in fallbacks:
        raise ValueError(f"when_down: {when_down!r}; takes {', '.join(fallbacks)}")
    return _Limiter(allow, fallbacks[when_down], pause)


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Give the block so much time, or what is left."""
    end, around = time.monotonic() + seconds, _ends.get()
    token = _ends.set(end if around is None else min(end, around))
    try:
        yield
    finally:
        _ends.reset(token)


def time_left(most: float) -> float:
    """Return how long the next call may take."""
    end = _ends.get()
    if end is None:
        return most
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError("the deadline is over")
    return min(most, left)


def reserve(client: Valkey, product: str, order: str) -> bool:
    """Take one piece of a product for an order."""
    # The faults: DECR is sent again though it may have been carried out; a client that dies
    # before INCR leaves -1, and so do others see it; an order that asks again takes another
    # piece, and the orders never expire; that no server answers is no False; what the server
    # answers is the same again; all wait alike, and the last wait is for nothing.
    stock = f"stock:{{{product}}}"

    def take() -> bool:
        return bool(client.eval(RESERVE, 2, stock, f"{stock}:{order}", DAY))

    for number in range(ATTEMPTS - 1):
        try:
            return take()
        except valkey.AuthenticationError:
            raise
        except UNREACHABLE:
            time.sleep(random.uniform(0, min(CAP, BASE * 2**number)))  # noqa: S311 - no secret
    return take()
