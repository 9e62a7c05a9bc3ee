"""What to answer when the answer cannot be had: `fallback`."""

import functools
import inspect
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from valkey_redis.errors import InvalidArgumentError, ServerUnavailableError

F = TypeVar("F", bound=Callable[..., Any])
NOTHING: Any = object()


class Remembered:
    """The last good values, by the call's arguments; the `size` used last, each for `seconds`."""

    def __init__(self, seconds: float, size: int) -> None:
        self._seconds, self._size = seconds, size
        self._values: OrderedDict[Hashable, tuple[float, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, key: Hashable, value: Any) -> None:
        """Remember a value from now on."""
        with self._lock:
            self._values[key] = time.monotonic(), value
            self._values.move_to_end(key)
            if len(self._values) > self._size:
                self._values.popitem(last=False)

    def find(self, key: Hashable) -> Any:
        """Return the value, NOTHING if there is none or it is too old."""
        with self._lock:
            since, value = self._values.get(key, (0.0, NOTHING))
            return value if time.monotonic() - since <= self._seconds else NOTHING


class Ways:
    """What one function falls back on; see `fallback`."""

    def __init__(
        self, stale: float | None, loader: Callable[..., Any] | None, default: Any, size: int
    ) -> None:
        self._last = None if stale is None else Remembered(stale, size)
        self._loader, self._default = loader, default

    def keep(self, args: tuple[Any, ...], kwargs: dict[str, Any], value: Any) -> None:
        """Remember a good answer."""
        if self._last is not None:
            self._last.keep((args, frozenset(kwargs.items())), value)

    def answer(self, args: tuple[Any, ...], kwargs: dict[str, Any], error: Exception) -> Any:
        """Return what to answer instead; raise the error if there is nothing."""
        if self._last is not None:
            found = self._last.find((args, frozenset(kwargs.items())))
            if found is not NOTHING:
                return found
        if self._loader is not None:
            return self._loader(*args, **kwargs)
        if self._default is not NOTHING:
            return self._default
        raise error


def fallback(
    *,
    stale: float | None = None,
    loader: Callable[..., Any] | None = None,
    default: Any = NOTHING,
    on: tuple[type[Exception], ...] = (ServerUnavailableError,),
    size: int = 1000,
) -> Callable[[F], F]:
    """Answer for a function, or coroutine function, that raises one of `on`.

    In this order: what it last returned for the same arguments, if that is at most `stale` seconds
    old (of the `size` calls used last; the arguments must be hashable); what `loader` returns for
    the same arguments; the `default`. If there is none of these, or the loader raises, that is
    raised. An error is never remembered. Raises InvalidArgumentError if there is nothing to fall
    back on. A `Cache` loads by itself while its server is away, and serves its own stale values
    while the source is; it has none of those while its server is away.
    """
    if stale is None and loader is None and default is NOTHING:
        raise InvalidArgumentError("fallback: takes stale=, loader= or default=")
    if stale is not None and not (isinstance(stale, (int, float)) and stale > 0):
        raise InvalidArgumentError(f"stale={stale!r:.40}: takes seconds, more than 0")

    def decorate(function: F) -> F:
        ways = Ways(stale, loader, default, size)

        if inspect.iscoroutinefunction(function):

            async def acall(*args: Any, **kwargs: Any) -> Any:
                try:
                    value = await function(*args, **kwargs)
                except on as error:
                    instead = ways.answer(args, kwargs, error)
                    return await instead if inspect.isawaitable(instead) else instead
                ways.keep(args, kwargs, value)
                return value

            return functools.wraps(function)(acall)  # type: ignore[return-value]  # same signature

        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                value = function(*args, **kwargs)
            except on as error:
                return ways.answer(args, kwargs, error)
            ways.keep(args, kwargs, value)
            return value

        return functools.wraps(function)(call)  # type: ignore[return-value]  # same signature

    return decorate
