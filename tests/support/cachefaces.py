"""The cache with one way to call it, whichever its face, over every backend."""

import inspect
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from tests.support.faces import AwaitableClient
from tests.support.waiting import auntil

from valkey_redis import AsyncCache, Cache

BOUND = 15.0  # seconds: what is broken waits longer, or for ever


class AwaitedCache:
    """A `Cache` or an `AsyncCache`: its methods are awaited, its loaders are plain functions."""

    def __init__(self, own: Cache | AsyncCache) -> None:
        self.own = own

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.own, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            if isinstance(self.own, AsyncCache):
                args = tuple(as_coroutine(arg) if callable(arg) else arg for arg in args)
            made = method(*args, **kwargs)
            return await made if inspect.isawaitable(made) else made

        return call


def as_coroutine(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function as a coroutine function, which a `Loader` has already."""
    if isinstance(function, Loader):
        return function.in_task

    async def call(*args: Any) -> Any:
        return function(*args)

    return call


def cache_of(client: Any, **settings: Any) -> AwaitedCache:
    """Return a cache of a client whose methods are awaited."""
    if isinstance(client, AwaitableClient):
        return AwaitedCache(Cache(client.sync, **settings))
    return AwaitedCache(AsyncCache(client, **settings))


@asynccontextmanager
async def cache_at(place: Any, **settings: Any) -> AsyncIterator[AwaitedCache]:
    """Yield a cache with a client of its own at one of the twelve places."""
    async with place.connect() as client:
        cache = cache_of(client, **settings)
        yield cache
        await cache.close()


class Source:
    """What is loaded from: counts the loads, raises the value if it is an exception."""

    def __init__(self, value: Any = None) -> None:
        self.value, self.loads = value, 0
        self.asked: list[list[str]] = []

    def __call__(self) -> Any:
        """Load one value."""
        self.loads += 1
        if isinstance(self.value, BaseException):
            raise self.value
        return self.value

    def many(self, keys: list[str]) -> dict[str, Any]:
        """Load the values of the keys that `value`, a dict, has."""
        self.asked.append(keys)
        return {key: self.value[key] for key in keys if key in self.value}


class Loader:
    """A load that lasts until it is let go; threads wait in it, or tasks."""

    def __init__(self, value: Any = "value") -> None:
        self.value, self.loads = value, 0
        self.began, self.end = threading.Event(), threading.Event()

    def __call__(self) -> Any:
        """Load in a thread."""
        value, self.loads = self.value, self.loads + 1
        self.began.set()
        assert self.end.wait(BOUND)
        if isinstance(value, BaseException):
            raise value
        return value

    async def in_task(self) -> Any:
        """Load in a task."""
        value, self.loads = self.value, self.loads + 1
        self.began.set()
        await auntil(self._ended, "the load is let go")
        if isinstance(value, BaseException):
            raise value
        return value

    async def _ended(self) -> bool:
        return self.end.is_set()

    async def has_begun(self) -> None:
        """Wait for the load's begin, in a task."""

        async def begun() -> bool:
            return self.began.is_set()

        await auntil(begun, "the load begins")
