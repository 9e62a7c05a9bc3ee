"""Stores and queues with one way to call them, whichever their face."""

import inspect
from collections.abc import Callable
from typing import Any

from tests.support.cachefaces import as_coroutine
from tests.support.faces import AwaitableClient

from valkey_redis import AsyncModelStore, AsyncWriteBehind, ModelStore, WriteBehind


class Awaited:
    """A thing of either face: its methods are awaited, and are given plain functions."""

    def __init__(self, own: Any, *, is_async: bool) -> None:
        self.own, self._is_async = own, is_async

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.own, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            if self._is_async:
                args = tuple(as_coroutine(arg) if callable(arg) else arg for arg in args)
            made = method(*args, **kwargs)
            return await made if inspect.isawaitable(made) else made

        return call


def store_of(client: Any, model: Any, **settings: Any) -> Awaited:
    """Return a store of a client whose methods are awaited."""
    settings = {"prefix": "shop", "default_ttl": 60, **settings}
    if isinstance(client, AwaitableClient):
        return Awaited(ModelStore(model, client.sync, **settings), is_async=False)
    return Awaited(AsyncModelStore(model, client, **settings), is_async=True)


def queue_of(client: Any, **settings: Any) -> Awaited:
    """Return a write-behind queue of a client whose methods are awaited."""
    if isinstance(client, AwaitableClient):
        return Awaited(WriteBehind(client.sync, "writes", **settings), is_async=False)
    return Awaited(AsyncWriteBehind(client, "writes", **settings), is_async=True)
