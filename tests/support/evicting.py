"""Evicting caches with one way to call them, and what must hold of their keys at any time."""

import inspect
from collections.abc import Callable
from typing import Any

from tests.support.faces import AwaitableClient

from valkey_redis import (
    AsyncFIFOCache,
    AsyncLFUCache,
    AsyncLIFOCache,
    AsyncLRUCache,
    AsyncMRUCache,
    AsyncS3FIFOCache,
    AsyncSIEVECache,
    FIFOCache,
    LFUCache,
    LIFOCache,
    LRUCache,
    MRUCache,
    S3FIFOCache,
    SIEVECache,
    simulate,
)

HALF_LIFE = 50  # uses
PAIRS: dict[str, tuple[Any, Any]] = {
    "fifo": (FIFOCache, AsyncFIFOCache),
    "lifo": (LIFOCache, AsyncLIFOCache),
    "lru": (LRUCache, AsyncLRUCache),
    "mru": (MRUCache, AsyncMRUCache),
    "lfu": (LFUCache, AsyncLFUCache),
    "aged": (LFUCache, AsyncLFUCache),
    "sieve": (SIEVECache, AsyncSIEVECache),
    "s3fifo": (S3FIFOCache, AsyncS3FIFOCache),
}
REFERENCES: dict[str, Callable[[int], simulate.Policy]] = {
    "fifo": simulate.FIFO,
    "lifo": simulate.LIFO,
    "lru": simulate.LRU,
    "mru": simulate.MRU,
    "lfu": simulate.LFU,
    "aged": lambda capacity: simulate.AgedLFU(capacity, HALF_LIFE),
    "sieve": simulate.SIEVE,
    "s3fifo": simulate.S3FIFO,
}
ACCOUNT = 10  # fields of a cache's hash that are no entries


class AwaitedEviction:
    """A cache whose methods are awaited."""

    def __init__(self, own: Any) -> None:
        self.own = own

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.own, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            made = method(*args, **kwargs)
            return await made if inspect.isawaitable(made) else made

        return call


def evicting(client: Any, policy: str, capacity: Any, **settings: Any) -> AwaitedEviction:
    """Return a cache of the client's face under the policy."""
    if policy == "aged":
        settings["half_life"] = HALF_LIFE
    sync, with_tasks = PAIRS[policy]
    name = settings.pop("name", "t")
    if isinstance(client, AwaitableClient):
        return AwaitedEviction(sync(client.sync, name, capacity, **settings))
    return AwaitedEviction(with_tasks(client, name, capacity, **settings))


def require_agreement(cache: Any, raw: Any) -> None:
    """Assert that values, order and account agree, and that nothing is above the capacity."""
    for shard in cache._shards:
        values, order, ends = shard.keys[:3]
        held = {key for key in raw.hkeys(values) if not _text(key).startswith("\0")}
        assert held == set(raw.zrange(order, 0, -1)), "values and order differ"
        assert len(held) <= shard.capacity
        assert set(raw.zrange(ends, 0, -1)) <= held
        if held:
            account = {_text(k): int(v) for k, v in raw.hgetall(values).items() if k not in held}
            assert len(account) == ACCOUNT
            assert account["\0ending"] == raw.zcard(ends)
            gone = account["\0inserts"] - account["\0removed"] - len(held)
            assert gone >= 0
            if cache.max_bytes is not None:
                size = sum(len(key) + raw.hstrlen(values, key) for key in held)
                assert account["\0bytes"] == size <= shard.max_bytes


def _text(key: str | bytes) -> str:
    return key.decode() if isinstance(key, bytes) else key
