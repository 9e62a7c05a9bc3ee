"""Cache what functions return: `cached`, `get_or_set_cache`, `warm_cache`, `invalidate_cache`."""

import inspect
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from typing import Any, ParamSpec, TypeVar, overload

from valkey_redis.cache import AsyncCache, Cache, OnProgress, Warmed
from valkey_redis.cached import AsyncBatchCached, AsyncCached, BatchCached, Cached, Tags
from valkey_redis.callkeys import CallKey
from valkey_redis.codec import Codec
from valkey_redis.commands import Lifetime, milliseconds
from valkey_redis.default import get_cache
from valkey_redis.errors import InvalidArgumentError

P = ParamSpec("P")
R = TypeVar("R")
KeyFn = Callable[..., str]


class _Decorator:
    """Turns a function or coroutine function into its cached kind."""

    def __init__(
        self,
        *,
        cache: Cache | AsyncCache | None,
        key_prefix: str | None,
        key_fn: KeyFn | None,
        ignore: Collection[str],
        is_batch: bool,
        tags: Tags,
        **terms: Any,
    ) -> None:
        self._cache, self._tags, self._terms, self._is_batch = cache, tags, terms, is_batch
        self._key_prefix, self._key_fn, self._ignore = key_prefix, key_fn, ignore
        if isinstance(ignore, str):
            raise InvalidArgumentError(f"ignore={ignore!r:.40}: takes a list of parameters' names")
        for name in ("ttl", "negative_ttl", "stale_ttl"):
            given = terms.get(name)
            if given is not None and (given or name != "stale_ttl"):
                milliseconds(name, given)
        if isinstance(tags, str):
            raise InvalidArgumentError(f"tags={tags!r:.60}: takes a list of texts, none empty")
        if key_fn is not None and (key_prefix is not None or ignore):
            raise InvalidArgumentError("key_fn: makes the whole key; not with key_prefix or ignore")

    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]]) -> AsyncCached[P, R]: ...  # type: ignore[overload-overlap]  # a coroutine function is a function too
    @overload
    def __call__(self, function: Callable[P, R]) -> Cached[P, R]: ...
    def __call__(self, function: Any) -> Any:
        inner = function.__func__ if isinstance(function, (classmethod, staticmethod)) else function
        key: Callable[..., str]
        if self._key_fn is not None:
            key = _checked(self._key_fn)
        else:
            key = CallKey(inner, name=self._key_prefix, ignore=self._ignore)
        is_async = inspect.iscoroutinefunction(inner)
        if self._cache is not None and isinstance(self._cache, AsyncCache) is not is_async:
            raise InvalidArgumentError(
                f"cache={self._cache!r}: `def` takes a Cache, `async def` an AsyncCache"
            )
        sync, asyn = (BatchCached, AsyncBatchCached) if self._is_batch else (Cached, AsyncCached)
        kind: Any = asyn if is_async else sync
        made = kind(
            inner,
            self._cache,
            key,
            settings=self._terms,
            tags=self._tags,
            binds_class=isinstance(function, classmethod),
        )
        return staticmethod(made) if isinstance(function, staticmethod) else made


def _checked(key_fn: KeyFn) -> KeyFn:
    def key(*args: Any, **kwargs: Any) -> str:
        made: Any = key_fn(*args, **kwargs)
        if not isinstance(made, str):
            raise InvalidArgumentError(f"key_fn: must return a text, not {type(made).__name__}")
        return made

    return key


def cached(
    ttl: Lifetime | None = None,
    key_prefix: str | None = None,
    *,
    cache: Cache | AsyncCache | None = None,
    key_fn: KeyFn | None = None,
    ignore: Collection[str] = (),
    negative_ttl: Lifetime | None = None,
    stale_ttl: Lifetime | None = None,
    tags: Tags = (),
    codec: Codec[Any] | None = None,
) -> _Decorator:
    """Cache the results of a function, method or coroutine function, one for each call's arguments.

    The key is the function's name (or `key_prefix`) and all arguments but those in `ignore`
    (say, `self`), or what `key_fn` returns for them. `tags` is a list, or a function of the
    arguments. What is not plain JSON is stored by the type in the return annotation, unless
    `codec` says otherwise, or the cache has a codec of its own. Lifetimes as for `Cache`, whose own apply if none is given; `cache`
    is the process's (or event loop's) default one. Put it above `@classmethod` and
    `@staticmethod`. Raises InvalidArgumentError, with the reason, for what it does not take.
    """
    return _Decorator(
        cache=cache,
        key_prefix=key_prefix,
        key_fn=key_fn,
        ignore=ignore,
        is_batch=False,
        tags=tags,
        ttl=ttl,
        negative_ttl=negative_ttl,
        stale_ttl=stale_ttl,
        codec=codec,
    )


def get_or_set_cache(
    key_fn: KeyFn | None = None,
    ttl: Lifetime | None = None,
    warm_cache: bool = True,
    use_batch_warmer: bool = False,
    stale_ttl: Lifetime | None = None,
    *,
    cache: Cache | AsyncCache | None = None,
    tags: Tags = (),
    codec: Codec[Any] | None = None,
) -> _Decorator:
    """Cache a function's results under the keys that `key_fn(*args, **kwargs)` returns.

    `warm_cache` keeps a value warm: it may be loaded anew before it expires, at a chance that
    grows towards the end (XFetch). With `use_batch_warmer` the function takes a list first and
    returns a dict by item: each item is cached on its own, `key_fn` is called for each, and the
    function only for the missing ones, once. The rest as for `cached`.
    """
    return _Decorator(
        cache=cache,
        key_prefix=None,
        key_fn=key_fn,
        ignore=(),
        is_batch=use_batch_warmer,
        tags=tags,
        ttl=ttl,
        stale_ttl=stale_ttl,
        beta=None if warm_cache else 0.0,
        codec=codec,
    )


@overload
def warm_cache(
    keys: Collection[str],
    loader: Callable[[list[str]], Awaitable[Mapping[str, Any]]],
    ttl: Lifetime | None = None,
    batch_size: int = 100,
    *,
    cache: AsyncCache,
    on_progress: OnProgress | None = None,
) -> Awaitable[Warmed]: ...
@overload
def warm_cache(
    keys: Collection[str],
    loader: Callable[[list[str]], Mapping[str, Any]],
    ttl: Lifetime | None = None,
    batch_size: int = 100,
    *,
    cache: Cache | None = None,
    on_progress: OnProgress | None = None,
) -> Warmed: ...
def warm_cache(
    keys: Collection[str],
    loader: Callable[[list[str]], Any],
    ttl: Lifetime | None = None,
    batch_size: int = 100,
    *,
    cache: Cache | AsyncCache | None = None,
    on_progress: OnProgress | None = None,
) -> Any:
    """Load and store what is missing of the keys; see `Cache.warm`. Awaited with an AsyncCache."""
    return (cache or get_cache()).warm(
        keys, loader, ttl=ttl, batch_size=batch_size, on_progress=on_progress
    )


@overload
def invalidate_cache(*keys: str, cache: AsyncCache) -> Awaitable[bool]: ...
@overload
def invalidate_cache(*keys: str, cache: Cache | None = None) -> bool: ...
def invalidate_cache(*keys: str, cache: Cache | AsyncCache | None = None) -> Any:
    """Invalidate the keys now; see `Cache.invalidate`. Awaited with an AsyncCache."""
    return (cache or get_cache()).invalidate(*keys)
