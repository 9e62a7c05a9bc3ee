"""Locks with one way to call them, whichever their face, over every backend."""

import asyncio
import inspect
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any

from tests.support.faces import AwaitableClient
from tests.support.waiting import auntil

from valkey_redis import AsyncLock, Lock


class Awaited:
    """Something of either face whose methods are awaited; the sync face's run in one thread."""

    def __init__(self, own: Any, thread: ThreadPoolExecutor | None) -> None:
        self.own, self._thread = own, thread

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.own, name)
        if not callable(found):
            return found
        return lambda *args, **settings: self._call(found, *args, **settings)

    async def _call(self, method: Callable[..., Any], *args: Any, **settings: Any) -> Any:
        if self._thread is None:
            made = method(*args, **settings)
            made = await made if inspect.isawaitable(made) else made
        else:
            loop = asyncio.get_running_loop()
            made = await loop.run_in_executor(self._thread, lambda: method(*args, **settings))
        return made if made is None else Awaited(made, self._thread)

    async def __aenter__(self) -> Any:
        return await self._call(self._python("enter"))

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._call(self._python("exit"), kind, error, trace)

    def _python(self, what: str) -> Any:
        return getattr(self.own, f"__{what}__" if self._thread else f"__a{what}__")


def lock_of(client: Any, name: str = "stock", timeout: Any = 10.0, **settings: Any) -> Awaited:
    """Return a lock of a client whose methods are awaited; a sync one has a thread of its own."""
    if isinstance(client, AwaitableClient):
        lock = Lock(client.sync, name, timeout, **settings)
        return Awaited(lock, ThreadPoolExecutor(1))
    return Awaited(AsyncLock(client, name, timeout, **settings), None)


async def queue_has(client: Any, lock: Awaited, length: int) -> None:
    """Wait until so many stand in the lock's queue."""

    async def has() -> bool:
        found = await client.raw.execute_command("ZCARD", lock.own._plan.keys.queue)
        return int(found) == length

    await auntil(has, f"{length} wait")
