"""Many looks of one event loop in few round trips: who comes while one is under way goes along next.

A lone caller waits for nobody. Of fifty callers at once the first goes alone, and the other
forty-nine go together when it is back: two round trips instead of fifty.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NamedTuple

from valkey_redis import entry
from valkey_redis.commands import Command
from valkey_redis.deadline import within
from valkey_redis.entry import Found, Terms
from valkey_redis.errors import DeadlineExceededError
from valkey_redis.filling import Plan

Send = Callable[[list[Command[Any]]], Awaitable[list[Any] | None]]
Start = Callable[[Coroutine[Any, Any, None]], object]


class _Waiting(NamedTuple):
    name: str
    terms: Terms
    found: asyncio.Future[Found | None]


class BatchReader:
    """Looks at entries; `send` sends commands in one trip, `start` runs a coroutine as a task."""

    def __init__(self, plan: Plan, send: Send, start: Start) -> None:
        self._plan, self._send, self._start = plan, send, start
        self._is_busy = False
        self._waiting: list[_Waiting] = []

    async def look(self, name: str, terms: Terms) -> Found | None:
        """Return what lies at the entry, asked after this call began; None without a server."""
        if self._is_busy:
            found: asyncio.Future[Found | None] = asyncio.get_running_loop().create_future()
            self._waiting.append(_Waiting(name, terms, found))
            try:
                return await within(found)
            except DeadlineExceededError:
                return None  # who waits longer has the answer
        self._is_busy = True
        try:
            replies = await self._send([self._plan.first(name, terms)])
        finally:
            self._go_on()  # also if this caller was cancelled
        return replies[0] if replies else None

    def _go_on(self) -> None:
        batch, self._waiting = self._waiting, []
        self._is_busy = bool(batch)
        if batch:
            self._start(self._look_together(batch))

    async def _look_together(self, batch: list[_Waiting]) -> None:
        try:
            groups = self._plan.groups({one.name for one in batch})
            replies = await self._send(self._plan.reads(groups, ()))
            if replies is None and len(groups) > 1:
                # One shard of a cluster may be away: the others have what they have.
                parts = (self._send(self._plan.reads([group], ())) for group in groups)
                replies = [part[0] if part else () for part in await asyncio.gather(*parts)]
            stored = {
                name: (reply[1 + i], reply[0])
                for (_, names), reply in zip(groups, replies or (), strict=False)
                for i, name in enumerate(names)
                if reply
            }
            now = time.time() * 1000
            for name, terms, found in batch:
                if not found.done():  # else its caller was cancelled
                    there = None
                    if name in stored:
                        # Each decodes for itself: what one changes, another must not see.
                        there = entry.read(terms.codec, *stored[name], now)
                    found.set_result(there)
        except BaseException as error:
            for one in batch:
                if not one.found.done():
                    one.found.set_exception(_as_exception(error))
            raise
        finally:
            self._go_on()


def _as_exception(error: BaseException) -> Exception:
    """Return what a future takes; a batch is cancelled only when the loop or the cache ends."""
    return error if isinstance(error, Exception) else RuntimeError("the cache was closed")
