"""One primary of a cluster dies: callers of the cache see nothing of it."""

import time
from contextlib import AsyncExitStack

import pytest
from tests.support.backends import KINDS
from tests.support.cachefaces import cache_of
from tests.support.waiting import auntil

from valkey_redis.embedded_cluster import EmbeddedCluster

QUICK = {"timeout": 0.3, "connect_timeout": 0.3}
KEYS = [f"key:{i}" for i in range(30)]  # of all primaries
LONGEST = 5.0  # seconds of one call: generous


@pytest.mark.usefixtures("cluster")  # decides on the platform, and fails first if it must
async def test_calls_go_on_while_a_cluster_replaces_a_primary() -> None:
    """No error and no wrong value, before, during and after; then all keys are cached again.

    What was invalidated meanwhile is gone, although nobody served its slot.
    """
    async with AsyncExitStack() as stack:
        cluster = stack.enter_context(EmbeddedCluster())
        caches = []
        for kind in KINDS:
            client = await stack.enter_async_context(kind.client(cluster.url, **QUICK))
            caches.append(cache_of(client, namespace=str(kind), beta=0))
        for cache in caches:
            assert await cache.set_many(dict.fromkeys(KEYS, "old")) is True
        entry = caches[0].own._keys.entry(KEYS[0])
        cluster.primary_of(entry).kill()
        slowest = 0.0

        async def is_cached(cache: object) -> bool:
            """Load and look; return whether everything was there."""
            nonlocal slowest
            for key in KEYS:
                begun = time.monotonic()
                assert await cache.get_or_set(key, lambda: "new") in {"old", "new"}  # type: ignore[attr-defined]  # an AwaitedCache of either face
                slowest = max(slowest, time.monotonic() - begun)
            found = await cache.get_many(KEYS)  # type: ignore[attr-defined]  # as above
            assert set(found.values()) <= {"old", "new"}
            return len(found) == len(KEYS)

        for cache in caches:
            await cache.get(KEYS[0])
            assert await cache.get_or_set(KEYS[0], lambda: "new") == "new"
            await cache.invalidate(*KEYS)
        for cache, kind in zip(caches, KINDS, strict=True):
            await auntil(lambda cache=cache: is_cached(cache), f"{kind} caches again")
            assert await cache.get_many(KEYS) == dict.fromkeys(KEYS, "new")
        assert slowest < LONGEST
        for cache in caches:
            await cache.close()
