"""Redlock: one lock over several servers that know nothing of each other. For efficiency only.

Whoever gets a majority of them in less than the lease has the lock, so that it survives the
loss of a minority. It saves double work. It does not guard data: that would take clocks that
run alike and processes that are never paused (M. Kleppmann, How to do distributed locking,
2016; S. Sanfilippo, Is Redlock safe?, 2016, holds against it), and it has no fence, since the
servers have no common order to count in. To guard data use `Lock` and its fence.
(https://valkey.io/topics/distlock/)
"""

import asyncio
import math
import random
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from valkey_redis.client import AsyncValkeyClient, ValkeyClient
from valkey_redis.commands import Command, Lifetime, milliseconds
from valkey_redis.errors import (
    InvalidArgumentError,
    LockLostError,
    LockNotAcquiredError,
    ValkeyRedisError,
)
from valkey_redis.lock_plan import TAKE, patience_of, plan_of, seconds

C = TypeVar("C", ValkeyClient, AsyncValkeyClient)
R = TypeVar("R", bound="RedlockBase[Any]")
FEWEST = 3
DRIFT, MARGIN = 0.01, 0.002  # of the lease; and seconds: how differently the clocks may run


class RedlockBase(Generic[C]):
    """Settings and decisions; see `Redlock`."""

    def __init__(
        self,
        clients: Sequence[C],
        name: str,
        timeout: Lifetime = 10.0,
        *,
        sleep: Lifetime = 0.2,
        blocking: bool = True,
        blocking_timeout: Lifetime | None = None,
        namespace: str = "app",
    ) -> None:
        if len(clients) < FEWEST or len({id(client) for client in clients}) < len(clients):
            raise InvalidArgumentError(
                f"clients: takes {FEWEST} or more, each of a server of its own; got {len(clients)}"
            )
        self.clients: list[C] = list(clients)
        self.name = name
        self.plan = plan_of(name, timeout, None, namespace)
        self._sleep = seconds("sleep", sleep)
        self._patience = patience_of(blocking, blocking_timeout)
        self.majority = len(self.clients) // 2 + 1
        self._leaving: set[asyncio.Future[Any]] = set()  # a task that nobody holds may vanish

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.clients)} servers, {self.plan.keys.lock!r})"

    def _take(self, token: str) -> Command[bool]:
        return self.plan.call(TAKE, token, _is_ours)

    def ends(self, sent: float, length: int) -> float:
        """Return until when a lease that was asked for at `sent` surely lasts on every server."""
        lease = length / 1000
        return sent + lease - lease * DRIFT - MARGIN

    def _has_won(self, answers: Sequence[bool | None], sent: float) -> bool:
        """Return whether a majority has granted it, in time."""
        in_time = time.monotonic() < self.ends(sent, self.plan.lease)
        return in_time and answers.count(True) >= self.majority

    def _pause(self, deadline: float) -> float:
        """Return how long to wait before the next try; LockNotAcquiredError if there is no time.

        By chance: two who have half the votes each must not come again together.
        """
        pause = random.uniform(0, self._sleep)  # noqa: S311 - guards nothing
        if time.monotonic() + pause >= deadline:
            raise LockNotAcquiredError(f"{self.name}: no majority of the servers granted it")
        return pause


def _is_ours(reply: Any) -> bool:
    return not isinstance(reply, int)  # else how long another's lease still lasts


class RedlockHeld(Generic[R]):
    """What an acquisition knows of its lease; see `RedlockAcquisition`."""

    def __init__(self, lock: R, token: str, until: float) -> None:
        self._lock: R = lock
        self.token = token
        self._until = until
        self._is_over = False

    @property
    def lost(self) -> bool:
        """Whether the time in which a majority of the servers surely keeps it is over."""
        return not self._is_over and time.monotonic() >= self._until

    def _length(self, timeout: Lifetime | None) -> int:
        lease: int = self._lock.plan.lease
        return lease if timeout is None else milliseconds("timeout", timeout)

    def _extended(self, answers: Sequence[bool | None], sent: float, length: int) -> None:
        until = self._lock.ends(sent, length)
        if answers.count(True) < self._lock.majority or time.monotonic() >= until:
            self._until = -math.inf
            raise LockLostError(f"{self._lock.name}: a majority of the servers no longer has it")
        self._until = max(self._until, until)


class RedlockAcquisition(RedlockHeld["Redlock"]):
    """A Redlock that is ours until `release`, or until `lost`; a context manager."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def extend(self, timeout: Lifetime | None = None) -> None:
        """Let the lease last `timeout` seconds from now; LockLostError without a majority."""
        length, sent = self._length(timeout), time.monotonic()
        self._extended(self._lock.ask(self._lock.plan.extend(self.token, length)), sent, length)

    def release(self) -> None:
        """Give it back on every server that answers; on the others it ends by itself."""
        self._is_over = True
        self._lock.leave(self.token)


class AsyncRedlockAcquisition(RedlockHeld["AsyncRedlock"]):
    """The asyncio face of `RedlockAcquisition`."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.release()

    async def extend(self, timeout: Lifetime | None = None) -> None:  # noqa: ASYNC109 - a lease, nothing to wait for
        """Let the lease last `timeout` seconds from now; LockLostError without a majority."""
        length, sent = self._length(timeout), time.monotonic()
        answers = await self._lock.ask(self._lock.plan.extend(self.token, length))
        self._extended(answers, sent, length)

    async def release(self) -> None:
        """Give it back on every server that answers; on the others it ends by itself."""
        self._is_over = True
        await self._lock.leave(self.token)


class Redlock(RedlockBase[ValkeyClient]):
    """A lock over independent servers: `with Redlock([a, b, c], "report").acquire() as held:`.

    `timeout` (seconds) is the lease. Give the clients timeouts far below it: a dead server
    costs each try one. `sleep` is the longest pause between two tries; `blocking` and
    `blocking_timeout` as for `Lock`. Not reentrant, not fair, no fence: see the module.
    """

    def acquire(self) -> RedlockAcquisition:
        """Return the acquisition; raise LockNotAcquiredError if there was none in time."""
        deadline = time.monotonic() + self._patience
        while True:
            token, sent = secrets.token_hex(8), time.monotonic()
            try:
                if self._has_won(self.ask(self._take(token)), sent):
                    return RedlockAcquisition(self, token, self.ends(sent, self.plan.lease))
            except BaseException:
                self.leave(token)
                raise
            self.leave(token)
            time.sleep(self._pause(deadline))

    def ask(self, command: Command[bool]) -> list[bool | None]:
        """Return every server's answer; None where there is none."""
        return [self._ask(client, command) for client in self.clients]

    def leave(self, token: str) -> None:
        """Give back, on every server, what the token has there."""
        self.ask(self.plan.leave(token, is_for_good=True))

    @staticmethod
    def _ask(client: ValkeyClient, command: Command[bool]) -> bool | None:
        with suppress(ValkeyRedisError):
            return bool(client.attempt([command], guarded=False)[0])
        return None


class AsyncRedlock(RedlockBase[AsyncValkeyClient]):
    """The asyncio face of `Redlock`; it asks all servers at once. Cancelled it gives all back."""

    async def acquire(self) -> AsyncRedlockAcquisition:
        """Return the acquisition; raise LockNotAcquiredError if there was none in time."""
        deadline = time.monotonic() + self._patience
        while True:
            token, sent = secrets.token_hex(8), time.monotonic()
            try:
                if self._has_won(await self.ask(self._take(token)), sent):
                    until = self.ends(sent, self.plan.lease)
                    return AsyncRedlockAcquisition(self, token, until)
            except BaseException:
                await self.leave(token)
                raise
            await self.leave(token)
            await asyncio.sleep(self._pause(deadline))

    async def ask(self, command: Command[bool]) -> list[bool | None]:
        """Return every server's answer; None where there is none."""
        return await asyncio.gather(*(self._ask(client, command) for client in self.clients))

    async def leave(self, token: str) -> None:
        """Give back, on every server, what the token has there."""
        # A task of its own: whoever is cancelled leaves it running.
        task = asyncio.ensure_future(self.ask(self.plan.leave(token, is_for_good=True)))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)
        await asyncio.shield(task)

    @staticmethod
    async def _ask(client: AsyncValkeyClient, command: Command[bool]) -> bool | None:
        with suppress(ValkeyRedisError):
            return bool((await client.attempt([command], guarded=False))[0])
        return None
