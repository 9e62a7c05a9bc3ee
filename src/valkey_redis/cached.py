"""A function whose results are cached: what `decorators.py` makes of it."""

import asyncio
import copy
import functools
import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, cast, overload

from valkey_redis.cache import AsyncCache, Cache
from valkey_redis.codec import JSON, codec_for
from valkey_redis.default import get_async_cache, get_cache
from valkey_redis.entry import Terms
from valkey_redis.errors import InvalidArgumentError

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
S = TypeVar("S")
K = TypeVar("K", Cache, AsyncCache)
Tags = Sequence[str] | Callable[..., Sequence[str]]


class _Decorated(Generic[K]):
    """What all kinds share: the key, the terms, the binding to an object or a class."""

    def __init__(
        self,
        function: Any,
        cache: K | None,
        key: Callable[..., str],
        *,
        settings: Mapping[str, Any],
        tags: Tags,
        binds_class: bool,
    ) -> None:
        functools.update_wrapper(cast("Any", self), function)
        self._given_cache: K | None = cache
        self._function, self._key = function, key
        self._settings, self._tags, self._binds_class = settings, tags, binds_class
        if inspect.iscoroutinefunction(function):
            _mark_coroutine_function(self)
        self._known: dict[str, tuple[Any, Terms]] = {}  # of the last cache; shared by the bound
        self._first: tuple[Any, ...] = ()  # what it is bound to: an object, or a class

    def __repr__(self) -> str:
        return f"<cached {self._function.__qualname__}>"

    def _bound(self, instance: Any, owner: type | None) -> Any:
        if instance is None and not self._binds_class:
            return self
        bound = copy.copy(self)
        bound._first = (owner if self._binds_class else instance,)  # noqa: SLF001 - one of us
        return bound

    def key(self, /, *args: Any, **kwargs: Any) -> str:
        """Return the key of a call, as the cache's methods take it."""
        return self._key(*self._first, *args, **kwargs)

    def _terms(self, cache: K, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Terms:
        known = self._known.get("last")
        if known is None or known[0] is not cache:
            settings = dict(self._settings)
            # A cache's own codec is there for a reason: it may encrypt.
            if settings["codec"] is None and cache._codec is JSON:  # noqa: SLF001 - its other half
                settings["codec"] = codec_for(self._returned())
            known = self._known["last"] = cache, cache.terms(**settings)
        terms = known[1]
        if not self._tags:
            return terms
        tags = self._tags(*args, **kwargs) if callable(self._tags) else self._tags
        return replace(terms, tags=cache.terms(tags=tags).tags)

    def _returned(self) -> Any:
        """Return what the function says that it returns."""
        function = inspect.unwrap(self._function)
        returned = getattr(function, "__annotations__", {}).get("return", inspect.Signature.empty)
        # Alone: a parameter's type may have a name that only the type checker knows.
        alone = SimpleNamespace(__annotations__={"return": returned})
        try:
            return typing.get_type_hints(alone, getattr(function, "__globals__", {}))["return"]
        except (NameError, TypeError):
            return inspect.Signature.empty


class Cached(_Decorated[Cache], Generic[P, R]):
    """A function whose results are cached; call it as before.

    `f.invalidate(...)`, `f.refresh(...)` and `f.key(...)` take the same arguments as `f(...)`.
    """

    @overload
    def __get__(self, instance: None, owner: type | None = None) -> "Cached[P, R]": ...
    @overload
    def __get__(
        self: "Cached[Concatenate[S, Q], R]", instance: S, owner: type | None = None
    ) -> "Cached[Q, R]": ...
    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self._bound(instance, owner)

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return the cached result, or the function's own, which is stored then."""
        given, cache = self._first + args, self._cache()
        call = functools.partial(self._function, *given, **kwargs)
        terms = self._terms(cache, given, kwargs)
        value: R = cache._get_or_set(self._key(*given, **kwargs), call, terms)  # noqa: SLF001 - its other half
        return value

    def invalidate(self, /, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Invalidate the result of this call; see `Cache.invalidate`."""
        return self._cache().invalidate(self.key(*args, **kwargs))

    def refresh(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function anew; store and return its result."""
        given, cache = self._first + args, self._cache()
        call = functools.partial(self._function, *given, **kwargs)
        terms = self._terms(cache, given, kwargs)
        value: R = cache._refetch(self._key(*given, **kwargs), call, terms)  # noqa: SLF001 - its other half
        return value

    def _cache(self) -> Cache:
        return self._given_cache or get_cache()


class AsyncCached(_Decorated[AsyncCache], Generic[P, R]):
    """The coroutine functions' kind of `Cached`: its methods are awaited, but for `key`."""

    @overload
    def __get__(self, instance: None, owner: type | None = None) -> "AsyncCached[P, R]": ...
    @overload
    def __get__(
        self: "AsyncCached[Concatenate[S, Q], R]", instance: S, owner: type | None = None
    ) -> "AsyncCached[Q, R]": ...
    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self._bound(instance, owner)

    async def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return the cached result, or the function's own, which is stored then."""
        given, cache = self._first + args, self._cache()
        call = functools.partial(self._function, *given, **kwargs)
        terms = self._terms(cache, given, kwargs)
        value: R = await cache._get_or_set(self._key(*given, **kwargs), call, terms)  # noqa: SLF001 - its other half
        return value

    async def invalidate(self, /, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Invalidate the result of this call; see `Cache.invalidate`."""
        return await self._cache().invalidate(self.key(*args, **kwargs))

    async def refresh(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function anew; store and return its result."""
        given, cache = self._first + args, self._cache()
        call = functools.partial(self._function, *given, **kwargs)
        terms = self._terms(cache, given, kwargs)
        value: R = await cache._refetch(self._key(*given, **kwargs), call, terms)  # noqa: SLF001 - its other half
        return value

    def _cache(self) -> AsyncCache:
        return self._given_cache or get_async_cache()


class _Batch(_Decorated[K]):
    """A function of a list of items that returns a dict by item; each is cached on its own."""

    def _returned(self) -> Any:
        """Return the type of one item's value."""
        returned = super()._returned()
        of = typing.get_args(returned)
        return of[1] if len(of) == 2 else inspect.Signature.empty  # noqa: PLR2004 - key, value

    def _items(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the items by key."""
        if (
            not args
            or isinstance(args[0], (str, bytes, Mapping))
            or not hasattr(args[0], "__iter__")
        ):
            given = type(args[0]).__name__ if args else "nothing"
            raise InvalidArgumentError(
                f"{self._function.__qualname__}: takes a list as its first argument, not {given}"
            )
        items, *rest = args
        keyed: dict[str, Any] = {}
        for item in items:
            key = self._key(*self._first, item, *rest, **kwargs)
            if keyed.setdefault(key, item) != item:
                raise InvalidArgumentError(
                    f"{self._function.__qualname__}: two items have the key {key!r:.60}"
                )
        return keyed

    def _by_key(self, items: Mapping[str, Any], missing: list[str], made: Any) -> dict[str, Any]:
        if not isinstance(made, Mapping):
            raise InvalidArgumentError(
                f"{self._function.__qualname__}: must return a dict by item, not {type(made).__name__}"
            )
        return {key: made[items[key]] for key in missing if items[key] in made}


class BatchCached(_Batch[Cache], Cached[P, R]):
    """A function of a list whose items are cached one by one."""

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return the cached result, or the function's own, which is stored then."""
        items, cache, rest = self._items(args, kwargs), self._cache(), args[1:]

        def load(missing: list[str]) -> dict[str, Any]:
            some = [items[key] for key in missing]
            made = self._function(*self._first, some, *rest, **kwargs)
            return self._by_key(items, missing, made)

        terms = self._terms(cache, self._first + args, kwargs)
        values = cache._get_or_set_many(items, load, terms)  # noqa: SLF001 - its other half
        result: Any = {items[key]: value for key, value in values.items()}
        return result  # type: ignore[no-any-return]  # the function's own type

    def invalidate(self, /, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Invalidate the items' results; see `Cache.invalidate`."""
        return self._cache().invalidate(*self._items(args, kwargs))

    def refresh(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Invalidate the items' results, then call."""
        self.invalidate(*args, **kwargs)
        return self(*args, **kwargs)


class AsyncBatchCached(_Batch[AsyncCache], AsyncCached[P, R]):
    """A coroutine function of a list whose items are cached one by one."""

    async def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return the cached result, or the function's own, which is stored then."""
        items, cache, rest = self._items(args, kwargs), self._cache(), args[1:]

        async def load(missing: list[str]) -> dict[str, Any]:
            some = [items[key] for key in missing]
            made = await self._function(*self._first, some, *rest, **kwargs)
            return self._by_key(items, missing, made)

        terms = self._terms(cache, self._first + args, kwargs)
        values = await cache._get_or_set_many(items, load, terms)  # noqa: SLF001 - its other half
        result: Any = {items[key]: value for key, value in values.items()}
        return result  # type: ignore[no-any-return]  # the function's own type

    async def invalidate(self, /, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Invalidate the items' results; see `Cache.invalidate`."""
        return await self._cache().invalidate(*self._items(args, kwargs))

    async def refresh(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Invalidate the items' results, then call."""
        await self.invalidate(*args, **kwargs)
        return await self(*args, **kwargs)


def _mark_coroutine_function(made: object) -> None:
    """Let asyncio and inspect see that calling `made` gives a coroutine."""
    mark = getattr(inspect, "markcoroutinefunction", None)
    if mark is not None:
        mark(made)
    else:  # Python 3.11
        vars(made)["_is_coroutine"] = asyncio.coroutines._is_coroutine  # type: ignore[attr-defined]  # noqa: SLF001 - there is no public way yet
