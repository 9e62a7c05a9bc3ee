"""The process's default clients: made on first use, replaced by `configure()`. The only global state."""

import asyncio
import threading
from weakref import WeakKeyDictionary

from valkey_redis.client import AsyncValkeyClient, ValkeyClient
from valkey_redis.config import ValkeyConfig

_lock = threading.Lock()
_config: ValkeyConfig | None = None
_client: ValkeyClient | None = None
# An asyncio connection belongs to its loop, so each loop has its own client.
_async_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncValkeyClient] = (
    WeakKeyDictionary()
)


def configure(config: ValkeyConfig | None = None) -> None:
    """Use these settings for the default clients from now on; None reads the environment again.

    The former clients stay usable by whoever holds them; they are not closed.
    """
    global _config, _client
    with _lock:
        _config, _client = config, None
        _async_clients.clear()


def get_client() -> ValkeyClient:
    """Return the process's client, made on the first call."""
    global _client  # noqa: PLW0603 - this module's whole purpose
    with _lock:
        if _client is None:
            _client = ValkeyClient(_config)
        return _client


def get_async_client() -> AsyncValkeyClient:
    """Return the running event loop's client, made on the first call; RuntimeError without a loop."""
    loop = asyncio.get_running_loop()
    with _lock:
        client = _async_clients.get(loop)
        if client is None:
            client = _async_clients[loop] = AsyncValkeyClient(_config)
        return client
