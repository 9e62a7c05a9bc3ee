"""The contenders: the two drivers with cache-aside by hand, this package, and its peers.

Each does the same work with the same methods, as far as it can: `cached` makes a cached
function of one number, `get_many`, `set_many` and `warm` are of texts as keys. Values are
JSON everywhere, and live for TTL. `guarded` asks for what a peer has against stampedes
between processes, where that is an option. All else is as it comes.
"""

import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

from valkey_redis import AsyncCache, AsyncValkeyClient, Cache, ValkeyClient, ValkeyConfig, cached

HOST = "127.0.0.1"
TTL = 300  # seconds
Value = dict[str, Any]
Load = Callable[[int], Any]


class Cached(NamedTuple):
    """A cached function of one number, and how to invalidate what it has for one."""

    call: Callable[[int], Any]
    forget: Callable[[int], Any]


class At(NamedTuple):
    """Where a contender works: a database of its own, as each has its own format."""

    port: int
    db: int
    timeout: float  # seconds


def _config(at: At) -> ValkeyConfig:
    return ValkeyConfig(
        url=f"valkey://{HOST}:{at.port}/{at.db}",
        username=None,
        password=None,
        db=at.db,
        tls=False,
        timeout=at.timeout,
    )


class ByHand:
    """A driver, and the ten lines that most write themselves."""

    def __init__(self, driver: str, at: At) -> None:
        kind = getattr(import_module(driver), driver.capitalize())
        self._client: Any = kind(host=HOST, port=at.port, db=at.db, socket_timeout=at.timeout)

    def cached(self, load: Load, *, guarded: bool = False) -> Cached:
        """Return cache-aside: there is nothing to guard it with."""
        del guarded
        client = self._client

        def call(number: int) -> Any:
            data = client.get(f"hit:{number}")
            if data is not None:
                return json.loads(data)
            value = load(number)
            client.set(f"hit:{number}", json.dumps(value), ex=TTL)
            return value

        return Cached(call, lambda number: client.delete(f"hit:{number}"))

    def get_many(self, keys: list[str]) -> Any:
        """MGET."""
        return [json.loads(data) for data in self._client.mget(keys)]

    def set_many(self, values: Mapping[str, Value]) -> Any:
        """SET EX for each, in a pipeline."""
        pipe = self._client.pipeline(transaction=False)
        for key, value in values.items():
            pipe.set(key, json.dumps(value), ex=TTL)
        return pipe.execute()

    warm = set_many

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


class AsyncByHand:
    """The asyncio face of `ByHand`."""

    def __init__(self, driver: str, at: At) -> None:
        kind = getattr(import_module(f"{driver}.asyncio"), driver.capitalize())
        self._client: Any = kind(host=HOST, port=at.port, db=at.db, socket_timeout=at.timeout)

    def cached(self, load: Load, *, guarded: bool = False) -> Cached:
        """Return cache-aside: there is nothing to guard it with."""
        del guarded
        client = self._client

        async def call(number: int) -> Any:
            data = await client.get(f"hit:{number}")
            if data is not None:
                return json.loads(data)
            value = await load(number)
            await client.set(f"hit:{number}", json.dumps(value), ex=TTL)
            return value

        return Cached(call, lambda number: client.delete(f"hit:{number}"))

    async def get_many(self, keys: list[str]) -> Any:
        """MGET."""
        return [json.loads(data) for data in await self._client.mget(keys)]

    async def set_many(self, values: Mapping[str, Value]) -> Any:
        """SET EX for each, in a pipeline."""
        pipe = self._client.pipeline(transaction=False)
        for key, value in values.items():
            pipe.set(key, json.dumps(value), ex=TTL)
        return await pipe.execute()

    warm = set_many

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


class Ours:
    """This package."""

    def __init__(self, at: At) -> None:
        self._client = ValkeyClient(_config(at))
        self._cache = Cache(self._client, ttl=TTL)

    def cached(self, load: Callable[[int], Value], *, guarded: bool = False) -> Cached:
        """Return the decorated function, which is guarded always."""
        del guarded
        made = cached(ttl=TTL, key_prefix="hit", cache=self._cache)(load)
        return Cached(made, made.invalidate)

    def get_many(self, keys: list[str]) -> Any:
        """Read by the cache's own method."""
        return list(self._cache.get_many(keys).values())

    def set_many(self, values: Mapping[str, Value]) -> Any:
        """Write by the cache's own method."""
        return self._cache.set_many(values)

    def warm(self, values: Mapping[str, Value]) -> Any:
        """Look, take leases, load, store."""
        return self._cache.warm(values, lambda keys: {key: values[key] for key in keys})

    def close(self) -> None:
        """Close the connections."""
        self._cache.close()
        self._client.close()


class AsyncOurs:
    """The asyncio face of `Ours`."""

    def __init__(self, at: At) -> None:
        self._client = AsyncValkeyClient(_config(at))
        self._cache = AsyncCache(self._client, ttl=TTL)

    def cached(self, load: Callable[[int], Awaitable[Value]], *, guarded: bool = False) -> Cached:
        """Return the decorated function, which is guarded always."""
        del guarded
        made: Any = cached(ttl=TTL, key_prefix="hit", cache=self._cache)(load)
        return Cached(made, made.invalidate)

    async def get_many(self, keys: list[str]) -> Any:
        """Read by the cache's own method."""
        return list((await self._cache.get_many(keys)).values())

    async def set_many(self, values: Mapping[str, Value]) -> Any:
        """Write by the cache's own method."""
        return await self._cache.set_many(values)

    async def warm(self, values: Mapping[str, Value]) -> Any:
        """Look, take leases, load, store."""

        async def load(keys: Collection[str]) -> dict[str, Value]:
            return {key: values[key] for key in keys}

        return await self._cache.warm(values, load)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


class Cashews:
    """cashews, which has asyncio only."""

    def __init__(self, at: At) -> None:
        self._cache: Any = import_module("cashews").Cache()
        url = f"redis://{HOST}:{at.port}/{at.db}"
        self._cache.setup(url, pickle_type="json", socket_timeout=at.timeout)

    def cached(self, load: Load, *, guarded: bool = False) -> Cached:
        """Return the decorated function; a lock on every call is its guard between processes."""
        made = self._cache(ttl=TTL, key="hit:{number}", lock=guarded)(load)
        return Cached(made, lambda number: self._cache.delete(f"hit:{number}"))

    async def get_many(self, keys: list[str]) -> Any:
        """Read by the cache's own method."""
        return list(await self._cache.get_many(*keys))

    async def set_many(self, values: Mapping[str, Value]) -> Any:
        """Write by the cache's own method."""
        return await self._cache.set_many(values, expire=TTL)

    async def close(self) -> None:
        """Close the connections."""
        await self._cache.close()


class Aiocache:
    """aiocache, which has asyncio only."""

    def __init__(self, at: At) -> None:
        self._module: Any = import_module("aiocache")
        self._options = {"endpoint": HOST, "port": at.port, "db": at.db, "timeout": at.timeout}
        self._cache: Any = self._module.RedisCache(**self._options)
        self._made: list[Any] = []

    def cached(self, load: Load, *, guarded: bool = False) -> Cached:
        """Return the decorated function; each has a cache object of its own."""
        decorate = self._module.cached_stampede if guarded else self._module.cached
        made = decorate(
            ttl=TTL,
            key_builder=lambda _, number: f"hit:{number}",
            cache=self._module.RedisCache,
            **self._options,
        )(load)
        self._made.append(made.cache)
        return Cached(made, lambda number: self._cache.delete(f"hit:{number}"))

    async def get_many(self, keys: list[str]) -> Any:
        """Read by the cache's own method."""
        return await self._cache.multi_get(keys)

    async def set_many(self, values: Mapping[str, Value]) -> Any:
        """Write by the cache's own method."""
        return await self._cache.multi_set(list(values.items()), ttl=TTL)

    async def close(self) -> None:
        """Close the connections."""
        for cache in (self._cache, *self._made):
            await cache.close()


class Dogpile:
    """dogpile.cache, which has no asyncio."""

    def __init__(self, at: At) -> None:
        region: Any = import_module("dogpile.cache").make_region(
            serializer=lambda value: json.dumps(value).encode(), deserializer=json.loads
        )
        self._region = region.configure(
            "dogpile.cache.redis",
            expiration_time=TTL,
            arguments={
                "host": HOST,
                "port": at.port,
                "db": at.db,
                "redis_expiration_time": TTL,
                "socket_timeout": at.timeout,
                "distributed_lock": True,
                "thread_local_lock": False,
                "lock_timeout": 10,
            },
        )

    def cached(self, load: Load, *, guarded: bool = False) -> Cached:
        """Return the decorated function; the lock is taken on a miss only."""
        del guarded
        made = self._region.cache_on_arguments(namespace="hit")(load)
        return Cached(made, made.invalidate)

    def get_many(self, keys: list[str]) -> Any:
        """Read by the region's own method."""
        return self._region.get_multi(keys)

    def set_many(self, values: Mapping[str, Value]) -> Any:
        """Write by the region's own method."""
        return self._region.set_multi(values)

    def warm(self, values: Mapping[str, Value]) -> Any:
        """Look, take a lock for each, load, store."""
        return self._region.get_or_create_multi(
            list(values), lambda *keys: [values[key] for key in keys]
        )

    def close(self) -> None:
        """Close the connections."""
        self._region.backend.writer_client.close()


Make = Callable[[At], Any]


@dataclass(frozen=True, slots=True)
class Contender:
    """What must be installed, its database, and how its faces are made."""

    package: str
    db: int
    sync: Make | None = None
    asyn: Make | None = None

    def has(self, *, is_async: bool) -> bool:
        """Whether there is such a face, and it is installed."""
        return self.is_installed and (self.asyn if is_async else self.sync) is not None

    def make(self, port: int, timeout: float, *, is_async: bool) -> Any:
        """Return a new object of this face."""
        make = self.asyn if is_async else self.sync
        assert make is not None  # noqa: S101 - see `has`
        return make(At(port, self.db, timeout))

    @property
    def is_installed(self) -> bool:
        """Whether the package can be imported."""
        return find_spec(self.package) is not None


CONTENDERS = {
    "redis-py": Contender("redis", 0, partial(ByHand, "redis"), partial(AsyncByHand, "redis")),
    "valkey-py": Contender("valkey", 1, partial(ByHand, "valkey"), partial(AsyncByHand, "valkey")),
    "valkey_redis": Contender("valkey_redis", 2, Ours, AsyncOurs),
    "cashews": Contender("cashews", 3, asyn=Cashews),
    "aiocache": Contender("aiocache", 4, asyn=Aiocache),
    "dogpile.cache": Contender("dogpile", 5, sync=Dogpile),
}


def competing(*, is_async: bool) -> dict[str, Contender]:
    """Return those that have this face and are installed."""
    return {
        name: contender
        for name, contender in CONTENDERS.items()
        if contender.has(is_async=is_async)
    }
