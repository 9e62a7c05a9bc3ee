"""Caches that keep no more than they are told to: seven policies, exact, on the server.

Each is a hash of values and an ordered set of their order, in one slot, changed together by one
script: the order is what the policy's definition says, hit for hit, and not a sample of it as the
server's own policies keep. What a policy is good for is on the page docs/eviction.md.
"""

import warnings
from collections.abc import Iterable
from itertools import chain
from typing import Any, TypeVar

from valkey_redis import eviction_order as orders
from valkey_redis.client import AsyncValkeyClient, ValkeyClient
from valkey_redis.codec import JSON, Codec
from valkey_redis.commands import Command, Lifetime
from valkey_redis.errors import ValkeyRedisError
from valkey_redis.eviction_plan import C, EvictionBase, EvictionPolicyWarning, EvictionStats

R = TypeVar("R")


class _Face(EvictionBase[ValkeyClient]):
    """The methods."""

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value, or `default` if there is none; that is a use of the entry."""
        return self._send(self._reading("get", key, default))

    def get_many(self, keys: Iterable[str]) -> dict[str, Any]:
        """Return the values by key, a hundred in a script, all at once; the others are left out."""
        found = self._send_all(self._for_each("get", keys, self._read_many))
        return dict(chain.from_iterable(part.items() for part in found))

    def peek(self, key: str, default: Any = None) -> Any:
        """Return what `get` would, as if nobody had asked: no use, no hit, no miss."""
        return self._send(self._reading("look", key, default))

    def exists(self, key: str) -> bool:
        """Return whether there is such an entry, as if nobody had asked."""
        return self._send(self._looking(key))

    def set(self, key: str, value: Any, ttl: Lifetime | None = None) -> int:
        """Store the value, which is a use; return how many entries were evicted for it.

        It ends after `ttl` seconds, or the cache's `ttl`, if either is given. An entry that is
        written again has the lifetime of the new value.
        """
        return self._send(self._storing(key, value, ttl))

    def delete(self, *keys: str) -> int:
        """Delete the entries; return how many there were."""
        return sum(self._send_all(self._for_each("delete", keys, _count)))

    def clear(self) -> None:
        """Forget everything: entries, order and account."""
        self._send_all(self._clearing())

    def len(self) -> int:
        """Return how many entries there are; those that have ended do not count."""
        return self.stats().entries

    def keys(self) -> list[str]:
        """Return the keys in the order in which they would be evicted, shard by shard.

        It reads the whole order at once: a tool for looking on, not for each request.
        """
        return list(chain.from_iterable(self._send_all(self._everywhere("keys", self._read_keys))))

    def stats(self) -> EvictionStats:
        """Return the account, which the server keeps for all clients of the cache."""
        return self._add_up(self._send_all(self._everywhere("stats", _account)))

    def resize(self, capacity: int, max_bytes: int | None = None) -> int:
        """Keep so many from now on; return how many entries were evicted, a hundred in a script.

        Each client has its own capacity, and its writes shrink to it what others have filled, a
        hundred at a time. A cache with `max_bytes` needs it anew.
        """
        self._resize(capacity, max_bytes)
        evicted, left = 0, self._shrinking()
        while left:
            replies = self._send_all(left)
            evicted += sum(count for count, _ in replies)
            left = [part for part, (_, more) in zip(left, replies, strict=True) if more]
        return evicted

    def _send(self, command: Command[R]) -> R:
        if not self._is_checked:
            self._look_at_the_server()
        return self.client.send(command)

    def _send_all(self, queued: list[Command[R]]) -> list[R]:
        if not self._is_checked:
            self._look_at_the_server()
        return self.client.send_all(queued)

    def _look_at_the_server(self) -> None:
        self._is_checked = True
        try:
            warning = self.client.send(self._looking_at_memory())
        except ValkeyRedisError:
            return  # a server that does not tell, say a managed one, or a cluster's node is down
        if warning:
            warnings.warn(warning, EvictionPolicyWarning, stacklevel=4)


class _AsyncFace(EvictionBase[AsyncValkeyClient]):
    """The methods."""

    async def get(self, key: str, default: Any = None) -> Any:
        """Return the value, or `default` if there is none; that is a use of the entry."""
        return await self._send(self._reading("get", key, default))

    async def get_many(self, keys: Iterable[str]) -> dict[str, Any]:
        """Return the values by key, a hundred in a script, all at once; the others are left out."""
        found = await self._send_all(self._for_each("get", keys, self._read_many))
        return dict(chain.from_iterable(part.items() for part in found))

    async def peek(self, key: str, default: Any = None) -> Any:
        """Return what `get` would, as if nobody had asked: no use, no hit, no miss."""
        return await self._send(self._reading("look", key, default))

    async def exists(self, key: str) -> bool:
        """Return whether there is such an entry, as if nobody had asked."""
        return await self._send(self._looking(key))

    async def set(self, key: str, value: Any, ttl: Lifetime | None = None) -> int:
        """Store the value, which is a use; return how many entries were evicted for it.

        It ends after `ttl` seconds, or the cache's `ttl`, if either is given. An entry that is
        written again has the lifetime of the new value.
        """
        return await self._send(self._storing(key, value, ttl))

    async def delete(self, *keys: str) -> int:
        """Delete the entries; return how many there were."""
        return sum(await self._send_all(self._for_each("delete", keys, _count)))

    async def clear(self) -> None:
        """Forget everything: entries, order and account."""
        await self._send_all(self._clearing())

    async def len(self) -> int:
        """Return how many entries there are; those that have ended do not count."""
        return (await self.stats()).entries

    async def keys(self) -> list[str]:
        """Return the keys in the order in which they would be evicted, shard by shard.

        It reads the whole order at once: a tool for looking on, not for each request.
        """
        return list(
            chain.from_iterable(await self._send_all(self._everywhere("keys", self._read_keys)))
        )

    async def stats(self) -> EvictionStats:
        """Return the account, which the server keeps for all clients of the cache."""
        return self._add_up(await self._send_all(self._everywhere("stats", _account)))

    async def resize(self, capacity: int, max_bytes: int | None = None) -> int:
        """Keep so many from now on; return how many entries were evicted, a hundred in a script.

        Each client has its own capacity, and its writes shrink to it what others have filled, a
        hundred at a time. A cache with `max_bytes` needs it anew.
        """
        self._resize(capacity, max_bytes)
        evicted, left = 0, self._shrinking()
        while left:
            replies = await self._send_all(left)
            evicted += sum(count for count, _ in replies)
            left = [part for part, (_, more) in zip(left, replies, strict=True) if more]
        return evicted

    async def _send(self, command: Command[R]) -> R:
        if not self._is_checked:
            await self._look_at_the_server()
        return await self.client.send(command)

    async def _send_all(self, queued: list[Command[R]]) -> list[R]:
        if not self._is_checked:
            await self._look_at_the_server()
        return await self.client.send_all(queued)

    async def _look_at_the_server(self) -> None:
        self._is_checked = True
        try:
            warning = await self.client.send(self._looking_at_memory())
        except ValkeyRedisError:
            return  # a server that does not tell, say a managed one, or a cluster's node is down
        if warning:
            warnings.warn(warning, EvictionPolicyWarning, stacklevel=4)


def _count(_: object, reply: int) -> int:
    return reply


def _account(_: object, reply: list[int]) -> list[int]:
    return reply


class _LFUSettings(EvictionBase[C]):
    """LFU's own setting."""

    def __init__(
        self,
        client: C,
        name: str,
        capacity: int,
        *,
        half_life: float | None = None,
        namespace: str = "app",
        max_bytes: int | None = None,
        ttl: Lifetime | None = None,
        shards: int = 1,
        codec: Codec[Any] = JSON,
    ) -> None:
        self._policy = orders.LFU if half_life is None else orders.aged(half_life)
        super().__init__(
            client,  # type: ignore[arg-type]  # mypy loses which of the two C is here
            name,
            capacity,
            namespace=namespace,
            max_bytes=max_bytes,
            ttl=ttl,
            shards=shards,
            codec=codec,
        )


class FIFOCache(_Face):
    """First in, first out: the oldest entry goes, however often it is used."""

    _policy = orders.FIFO


class AsyncFIFOCache(_AsyncFace):
    """The asyncio face of `FIFOCache`."""

    _policy = orders.FIFO


class LIFOCache(_Face):
    """Last in, first out: the newest entry goes, and the first ones stay."""

    _policy = orders.LIFO


class AsyncLIFOCache(_AsyncFace):
    """The asyncio face of `LIFOCache`."""

    _policy = orders.LIFO


class LRUCache(_Face):
    """The least recently used entry goes.

    At most `capacity` entries, shared by all clients that use the same `name`, `namespace`, policy
    (with its half-life) and `shards`, and all or none of them `max_bytes`: then also at most so
    many bytes of keys and values. Every call but `resize` is one round trip, and the order is a
    counter's on the server, not a clock's. An entry with a `ttl`
    (seconds) is neither served nor counted once it has ended; without one it stays until it
    is evicted. `shards` spreads a large cache over so many slots of a cluster, each with its
    part of the capacity and an order of its own.

    Keys are text. At its first call, a cache warns (EvictionPolicyWarning) of a server that may
    evict all of it as one key; if that happens it begins anew, and `stats().losses` counts it. At
    the memory limit of a server that evicts nothing (OutOfMemoryError), entries are still read
    and deleted, and a full cache still evicts for newcomers.
    Safe to share between threads. Raises InvalidArgumentError for what it does not take,
    CorruptValueError for stored bytes that are not the codec's, otherwise as the client does.
    """

    _policy = orders.LRU


class AsyncLRUCache(_AsyncFace):
    """The asyncio face of `LRUCache`."""

    _policy = orders.LRU


class MRUCache(_Face):
    """The most recently used entry goes: for loops that are larger than the cache."""

    _policy = orders.MRU


class AsyncMRUCache(_AsyncFace):
    """The asyncio face of `MRUCache`."""

    _policy = orders.MRU


class LFUCache(_LFUSettings[ValkeyClient], _Face):
    """The least frequently used entry goes; of equals, the one that came first.

    With `half_life` the past fades: a use counts half after so many hits and writes of the
    cache, so that what was popular once does not stay for ever.
    (Cormode et al., Forward Decay, ICDE 2009)
    """


class AsyncLFUCache(_LFUSettings[AsyncValkeyClient], _AsyncFace):
    """The asyncio face of `LFUCache`."""


class SIEVECache(_Face):
    """A hand goes round and evicts who was not used since it last came by.

    Often more hits than LRU's, and no entry moves. If all were used, one `set` goes round them
    all: of 100,000 it holds up the server for 0.3 s, and `shards` make rounds shorter.
    (Zhang et al., SIEVE is Simpler than LRU, NSDI 2024)
    """

    _policy = orders.SIEVE


class AsyncSIEVECache(_AsyncFace):
    """The asyncio face of `SIEVECache`."""

    _policy = orders.SIEVE


class S3FIFOCache(_Face):
    """A small queue weeds out who comes once; who is used, or comes back, gets into the main one.

    If all were used, one `set` goes round them all, up to three times: of 100,000 it holds up
    the server for 0.8 s, and `shards` make rounds shorter.
    (Yang et al., FIFO Queues are All You Need for Cache Eviction, SOSP 2023)
    """

    _policy = orders.S3FIFO


class AsyncS3FIFOCache(_AsyncFace):
    """The asyncio face of `S3FIFOCache`."""

    _policy = orders.S3FIFO
