"""The cache: `Cache` with threads, `AsyncCache` with tasks.

How it reads and fills is in `filling.py`, what it stores in `entry.py`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

from valkey_redis.cache_tasks import CacheTasks, one
from valkey_redis.cache_threads import CacheThreads
from valkey_redis.commands import Lifetime
from valkey_redis.entry import Terms
from valkey_redis.errors import InvalidArgumentError

T = TypeVar("T")
OnProgress = Callable[[int, int], object]
CANCEL_AGAIN = 0.05  # seconds


@dataclass(frozen=True, slots=True)
class Warmed:
    """What `warm` did: the keys that have a value now, and why the others have none."""

    warm: list[str] = field(default_factory=list)
    failed: dict[str, Exception] = field(default_factory=dict)

    def add(self, batch: Collection[str], values: Collection[str]) -> None:
        """Note which keys of a batch have a value now."""
        for key in batch:
            if key in values:
                self.warm.append(key)
            else:
                self.failed[key] = LookupError("the loader gave no value")


def batches(keys: Collection[str], size: int) -> Iterator[list[str]]:
    """Split the keys; raise InvalidArgumentError for a size that is not 1 or more."""
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise InvalidArgumentError(f"batch_size={size!r:.40}: takes 1 or more")
    left = iter(keys)
    while batch := list(islice(left, size)):
        yield batch


class Cache(CacheThreads):
    """Cache-aside that loads once, forgets when told, and works on while the server is away.

    `namespace` begins every key. Lifetimes are seconds or timedeltas. A value is fresh for
    `ttl`, less a random part of it up to the fraction `jitter`; None for `negative_ttl` (as
    `ttl` if not given). For `stale_ttl` more it may be served stale, while it is loaded anew
    in a background thread or task, for which a caller waits `soft_timeout` seconds at most.
    `beta` is the eagerness of early refresh (XFetch), 0 for never. `lease` is how long a dead
    loader can keep others waiting, and how long a refresh that failed is not tried again. Bytes
    that are not the codec's count as missing, or raise CorruptValueError with
    `throw_on_corrupt`. The client's observers are told each of `caching.EVENTS`.

    No method raises because the server is away: reads miss, loads go on, and invalidations
    are delivered when it is back. Raises InvalidArgumentError for settings, lifetimes, tags
    and values that it does not take.
    """

    def get(self, key: str, default: Any = None, *, tags: Sequence[str] = ()) -> Any:
        """Return the fresh value, or the default; tags known beforehand save a round trip."""
        terms = self.terms(tags=tags) if tags else self._terms
        found = self._look(self._keys.entry(key), terms)
        is_fresh = found is not None and found.fresh_for > 0
        self._count("hit" if is_fresh else "miss")
        return found.value if found is not None and is_fresh else default

    def get_many(self, keys: Collection[str], *, tags: Sequence[str] = ()) -> dict[str, Any]:
        """Return the fresh values by key, in one round trip; the others are left out."""
        names = {self._keys.entry(key): key for key in keys}
        terms = self.terms(tags=tags) if tags else self._terms
        return self._fresh(names, self._run(self._plan.fresh(names, terms)))

    def exists(self, key: str) -> bool:
        """Return whether there is a fresh value."""
        return bool(self.get_many([key]))

    def set(
        self, key: str, value: Any, *, ttl: Lifetime | None = None, tags: Sequence[str] = ()
    ) -> bool:
        """Store the value; return False if the server cannot be told (the key is invalid then).

        It is stored whatever was invalidated since the caller read it: `get_or_set` and
        `write_through` are fenced, this is not.
        """
        return self.set_many({key: value}, ttl=ttl, tags=tags)

    def set_many(
        self,
        values: Mapping[str, Any],
        *,
        ttl: Lifetime | None = None,
        tags: Sequence[str] = (),
    ) -> bool:
        """Store the values in one round trip; a load that is under way does not undo it."""
        named = {self._keys.entry(key): value for key, value in values.items()}
        return self._run(self._plan.put(named, self.terms(ttl=ttl, tags=tags)))

    def get_or_set(
        self,
        key: str,
        loader: Callable[[], T],
        *,
        ttl: Lifetime | None = None,
        negative_ttl: Lifetime | None = None,
        stale_ttl: Lifetime | None = None,
        tags: Sequence[str] = (),
    ) -> T:
        """Return the value, loaded and stored if need be: once, however many ask for it.

        What the loader raises is raised to all who wait for it, and not stored.
        """
        terms = self.terms(ttl=ttl, negative_ttl=negative_ttl, stale_ttl=stale_ttl, tags=tags)
        value: T = self._get_or_set(key, loader, terms)
        return value

    def get_or_set_many(
        self,
        keys: Collection[str],
        loader: Callable[[list[str]], Mapping[str, T]],
        *,
        ttl: Lifetime | None = None,
        negative_ttl: Lifetime | None = None,
        tags: Sequence[str] = (),
    ) -> dict[str, T]:
        """Return the values by key; the missing ones are loaded by one call of `loader(keys)`.

        What the loader leaves out is left out here too. What others are loading is waited for.
        """
        terms = self.terms(ttl=ttl, negative_ttl=negative_ttl, tags=tags)
        return self._get_or_set_many(keys, loader, terms)

    def warm(
        self,
        keys: Collection[str],
        loader: Callable[[list[str]], Mapping[str, Any]],
        *,
        ttl: Lifetime | None = None,
        tags: Sequence[str] = (),
        batch_size: int = 100,
        on_progress: OnProgress | None = None,
    ) -> Warmed:
        """Load and store what is missing, `batch_size` keys at a time; raise nothing of the loader's.

        If a batch fails, its keys are loaded one by one, so that only the bad ones fail.
        `on_progress(done, total)` is called after each batch.
        """
        terms, warmed = self.terms(ttl=ttl, tags=tags), Warmed()
        for batch in batches(keys, batch_size):
            self._warm(batch, loader, terms, warmed)
            if on_progress is not None:
                on_progress(len(warmed.warm) + len(warmed.failed), len(keys))
        return warmed

    def _warm(
        self,
        batch: list[str],
        loader: Callable[[list[str]], Mapping[str, Any]],
        terms: Terms,
        warmed: Warmed,
    ) -> None:
        try:
            warmed.add(batch, self._get_or_set_many(batch, loader, terms))
        except Exception as error:  # noqa: BLE001 - reported for its key
            if len(batch) == 1:
                warmed.failed[batch[0]] = error
                return
            for key in batch:
                self._warm([key], loader, terms, warmed)

    def refresh(
        self,
        key: str,
        loader: Callable[[], T],
        *,
        ttl: Lifetime | None = None,
        tags: Sequence[str] = (),
    ) -> T:
        """Load the value anew and store it, also if a fresh one is there; that one serves meanwhile."""
        value: T = self._refetch(key, loader, self.terms(ttl=ttl, tags=tags))
        return value

    def write_through(
        self,
        key: str,
        write: Callable[[], T],
        *,
        ttl: Lifetime | None = None,
        tags: Sequence[str] = (),
    ) -> T:
        """Call `write`, which writes to the database and returns the value; then store that.

        Of two writers at a time, neither's value is stored: which of them the database kept
        last, the cache cannot know. A writer that fails or dies leaves no value behind.
        """
        name = self._keys.entry(key)
        steps = self._plan.replace(name, self.terms(ttl=ttl, tags=tags))
        value: T = self._run(steps, lambda _: {name: write()}).value
        return value

    def delete(self, key: str) -> bool:
        """Invalidate one key; see `invalidate`."""
        return self.invalidate(key)

    def invalidate(self, *keys: str) -> bool:
        """Forget the values, and refuse to store what was loaded before.

        Return False if the server cannot be told now; it is told as soon as it is back,
        before anything else is asked of it.
        """
        entries = [self._keys.entry(key) for key in keys]
        return self._unlink(entries, entries)

    def invalidate_tags(self, *tags: str) -> bool:
        """Invalidate all values with one of the tags, in one step, however many they are."""
        places = [self._keys.tag(tag) for tag in self.terms(tags=tags).tags]
        return self._unlink(places, list(self._flights))

    def flush_namespace(self) -> bool:
        """Invalidate everything in the namespace, in one step, however much it is."""
        return self._unlink(self._keys.epochs(), list(self._flights))

    def close(self) -> None:
        """End what goes on in the background; the client stays open."""
        self._closed.set()
        self._refreshers.shutdown(wait=False, cancel_futures=True)
        self._open()  # for whoever uses it again


class AsyncCache(CacheTasks):
    """The asyncio face of `Cache`; it belongs to the event loop that first uses it."""

    async def get(self, key: str, default: Any = None, *, tags: Sequence[str] = ()) -> Any:
        """Return the fresh value, or the default; tags known beforehand save a round trip."""
        terms = self.terms(tags=tags) if tags else self._terms
        found = await self._look(self._keys.entry(key), terms)
        is_fresh = found is not None and found.fresh_for > 0
        self._count("hit" if is_fresh else "miss")
        return found.value if found is not None and is_fresh else default

    async def get_many(self, keys: Collection[str], *, tags: Sequence[str] = ()) -> dict[str, Any]:
        """Return the fresh values by key, in one round trip; the others are left out."""
        names = {self._keys.entry(key): key for key in keys}
        terms = self.terms(tags=tags) if tags else self._terms
        return self._fresh(names, await self._run(self._plan.fresh(names, terms)))

    async def exists(self, key: str) -> bool:
        """Return whether there is a fresh value."""
        return bool(await self.get_many([key]))

    async def set(
        self, key: str, value: Any, *, ttl: Lifetime | None = None, tags: Sequence[str] = ()
    ) -> bool:
        """Store the value; return False if the server cannot be told (the key is invalid then).

        It is stored whatever was invalidated since the caller read it: `get_or_set` and
        `write_through` are fenced, this is not.
        """
        return await self.set_many({key: value}, ttl=ttl, tags=tags)

    async def set_many(
        self,
        values: Mapping[str, Any],
        *,
        ttl: Lifetime | None = None,
        tags: Sequence[str] = (),
    ) -> bool:
        """Store the values in one round trip; a load that is under way does not undo it."""
        named = {self._keys.entry(key): value for key, value in values.items()}
        return await self._run(self._plan.put(named, self.terms(ttl=ttl, tags=tags)))

    async def get_or_set(
        self,
        key: str,
        loader: Callable[[], Awaitable[T]],
        *,
        ttl: Lifetime | None = None,
        negative_ttl: Lifetime | None = None,
        stale_ttl: Lifetime | None = None,
        tags: Sequence[str] = (),
    ) -> T:
        """Return the value, loaded and stored if need be: once, however many ask for it.

        What the loader raises is raised to all who wait for it, and not stored.
        """
        terms = self.terms(ttl=ttl, negative_ttl=negative_ttl, stale_ttl=stale_ttl, tags=tags)
        value: T = await self._get_or_set(key, loader, terms)
        return value

    async def get_or_set_many(
        self,
        keys: Collection[str],
        loader: Callable[[list[str]], Awaitable[Mapping[str, T]]],
        *,
        ttl: Lifetime | None = None,
        negative_ttl: Lifetime | None = None,
        tags: Sequence[str] = (),
    ) -> dict[str, T]:
        """Return the values by key; the missing ones are loaded by one call of `loader(keys)`.

        What the loader leaves out is left out here too. What others are loading is waited for.
        """
        terms = self.terms(ttl=ttl, negative_ttl=negative_ttl, tags=tags)
        return await self._get_or_set_many(keys, loader, terms)

    async def warm(
        self,
        keys: Collection[str],
        loader: Callable[[list[str]], Awaitable[Mapping[str, Any]]],
        *,
        ttl: Lifetime | None = None,
        tags: Sequence[str] = (),
        batch_size: int = 100,
        on_progress: OnProgress | None = None,
    ) -> Warmed:
        """Load and store what is missing, `batch_size` keys at a time; raise nothing of the loader's.

        If a batch fails, its keys are loaded one by one, so that only the bad ones fail.
        `on_progress(done, total)` is called after each batch.
        """
        terms, warmed = self.terms(ttl=ttl, tags=tags), Warmed()
        for batch in batches(keys, batch_size):
            await self._warm(batch, loader, terms, warmed)
            if on_progress is not None:
                on_progress(len(warmed.warm) + len(warmed.failed), len(keys))
        return warmed

    async def _warm(
        self,
        batch: list[str],
        loader: Callable[[list[str]], Awaitable[Mapping[str, Any]]],
        terms: Terms,
        warmed: Warmed,
    ) -> None:
        try:
            warmed.add(batch, await self._get_or_set_many(batch, loader, terms))
        except Exception as error:  # noqa: BLE001 - reported for its key
            if len(batch) == 1:
                warmed.failed[batch[0]] = error
                return
            for key in batch:
                await self._warm([key], loader, terms, warmed)

    async def refresh(
        self,
        key: str,
        loader: Callable[[], Awaitable[T]],
        *,
        ttl: Lifetime | None = None,
        tags: Sequence[str] = (),
    ) -> T:
        """Load the value anew and store it, also if a fresh one is there; that one serves meanwhile."""
        value: T = await self._refetch(key, loader, self.terms(ttl=ttl, tags=tags))
        return value

    async def write_through(
        self,
        key: str,
        write: Callable[[], Awaitable[T]],
        *,
        ttl: Lifetime | None = None,
        tags: Sequence[str] = (),
    ) -> T:
        """Call `write`, which writes to the database and returns the value; then store that.

        Of two writers at a time, neither's value is stored: which of them the database kept
        last, the cache cannot know. A writer that fails or dies leaves no value behind.
        """
        name = self._keys.entry(key)
        steps = self._plan.replace(name, self.terms(ttl=ttl, tags=tags))
        value: T = (await self._run(steps, one(name, write))).value
        return value

    async def delete(self, key: str) -> bool:
        """Invalidate one key; see `invalidate`."""
        return await self.invalidate(key)

    async def invalidate(self, *keys: str) -> bool:
        """Forget the values, and refuse to store what was loaded before.

        Return False if the server cannot be told now; it is told as soon as it is back,
        before anything else is asked of it.
        """
        entries = [self._keys.entry(key) for key in keys]
        return await self._unlink(entries, entries)

    async def invalidate_tags(self, *tags: str) -> bool:
        """Invalidate all values with one of the tags, in one step, however many they are."""
        places = [self._keys.tag(tag) for tag in self.terms(tags=tags).tags]
        return await self._unlink(places, list(self._flights))

    async def flush_namespace(self) -> bool:
        """Invalidate everything in the namespace, in one step, however much it is."""
        return await self._unlink(self._keys.epochs(), list(self._flights))

    async def close(self) -> None:
        """End what goes on in the background; the client stays open."""
        # One that ends may start another; and one that was just looking whether its connection
        # is alive takes the cancellation for the end of that look: it is told again.
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks, timeout=CANCEL_AGAIN)
