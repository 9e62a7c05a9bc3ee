"""The process's default clients: made on first use, replaced by `configure()`. The only global state."""

import asyncio
import threading
from collections.abc import Sequence
from weakref import WeakKeyDictionary

from valkey_redis.cache import AsyncCache, Cache
from valkey_redis.client import AsyncValkeyClient, ValkeyClient
from valkey_redis.config import ValkeyConfig
from valkey_redis.observability import Observer

_lock = threading.RLock()
_config: ValkeyConfig | None = None
_observers: Sequence[Observer] = ()
_client: ValkeyClient | None = None
_cache: Cache | None = None
# An asyncio connection belongs to its loop, so each loop has its own client.
_async_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncValkeyClient] = (
    WeakKeyDictionary()
)
_async_caches: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncCache] = WeakKeyDictionary()


def configure(config: ValkeyConfig | None = None, *, observers: Sequence[Observer] = ()) -> None:
    """Use these settings for the default clients from now on; None reads the environment again.

    The former clients stay usable by whoever holds them; they are not closed.
    """
    global _config, _observers, _client, _cache
    with _lock:
        _config, _observers, _client, _cache = config, observers, None, None
        _async_clients.clear()
        _async_caches.clear()


def get_client() -> ValkeyClient:
    """Return the process's client, made on the first call."""
    global _client  # noqa: PLW0603 - this module's whole purpose
    with _lock:
        if _client is None:
            _client = ValkeyClient(_config, observers=_observers)
        return _client


def get_async_client() -> AsyncValkeyClient:
    """Return the running event loop's client, made on the first call; RuntimeError without a loop."""
    loop = asyncio.get_running_loop()
    with _lock:
        client = _async_clients.get(loop)
        if client is None:
            client = _async_clients[loop] = AsyncValkeyClient(_config, observers=_observers)
        return client


def get_cache() -> Cache:
    """Return the process's cache over the default client, made on the first call."""
    global _cache  # noqa: PLW0603 - this module's whole purpose
    cache = _cache  # configure() may take it away at any moment
    if cache is None:
        with _lock:
            cache = _cache = _cache or Cache(get_client())
    return cache


def get_async_cache() -> AsyncCache:
    """Return the running event loop's cache, made on the first call; RuntimeError without a loop."""
    loop = asyncio.get_running_loop()
    with _lock:
        cache = _async_caches.get(loop)
        if cache is None:
            cache = _async_caches[loop] = AsyncCache(get_async_client())
        return cache
