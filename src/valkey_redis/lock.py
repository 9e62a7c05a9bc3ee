"""Locks over a server: `Lock` and `AsyncLock`.

A lock is a lease: it ends by itself, so that a dead owner blocks nobody for ever. So it may
end under an owner who lives and is slow, and no lock over a network can prevent that. What
can: a resource that refuses whoever comes with an older *fence*, a number that grows with
each acquisition. (M. Kleppmann, How to do distributed locking, 2016)
"""

import asyncio
import threading
from dataclasses import dataclass, field
from types import SimpleNamespace, TracebackType
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from valkey_redis.acquisition import Acquisition, AsyncAcquisition, OnLost
from valkey_redis.client import AsyncValkeyClient, ValkeyClient
from valkey_redis.commands import Lifetime
from valkey_redis.errors import InvalidArgumentError, LockError, LockNotAcquiredError
from valkey_redis.lock_plan import patience_of, plan_of
from valkey_redis.locking import Tasks, Threads

C = TypeVar("C", ValkeyClient, AsyncValkeyClient)
A = TypeVar("A", Acquisition, AsyncAcquisition)


@dataclass(slots=True)
class Own(Generic[A]):
    """What one thread or task holds: by `acquire`, and by each block that it is in."""

    last: A | None = None
    blocks: list[A] = field(default_factory=list)


class LockBase(Generic[C, A]):
    """Settings and books; see `Lock`."""

    def __init__(
        self,
        client: C,
        name: str,
        timeout: Lifetime = 10.0,
        *,
        sleep: Lifetime | None = None,
        blocking: bool = True,
        blocking_timeout: Lifetime | None = None,
        thread_local: bool = True,
        auto_renew: bool = False,
        on_lost: OnLost | None = None,
        namespace: str = "app",
    ) -> None:
        if on_lost is not None and not auto_renew:
            raise InvalidArgumentError("on_lost: takes auto_renew=True, else nobody looks")
        self.client: C = client
        self.name = name
        self._plan = plan_of(name, timeout, sleep, namespace)
        self._blocking, self._blocking_timeout = blocking, blocking_timeout
        self._usual_patience = patience_of(blocking, blocking_timeout)
        self._is_local = thread_local
        self._renewing: dict[str, Any] = {"auto_renew": auto_renew, "on_lost": on_lost}
        self._begin()

    def _begin(self) -> None:
        """Make what differs between the faces."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.client!r}, {self._plan.keys.lock!r})"

    def _patience(self, blocking: bool | None, blocking_timeout: Lifetime | None) -> float:
        if blocking is None and blocking_timeout is None:
            return self._usual_patience
        return patience_of(
            self._blocking if blocking is None else blocking,
            self._blocking_timeout if blocking_timeout is None else blocking_timeout,
        )

    def _entered(self, own: Own[A], acquisition: A | None) -> A:
        if acquisition is None:
            raise LockNotAcquiredError(f"{self._plan.keys.lock}: somebody else has it")
        own.blocks.append(acquisition)
        return acquisition

    def _last(self, own: Own[A]) -> A:
        if own.last is None:
            who = "this thread or task has" if self._is_local else "this object has"
            raise LockError(f"{self._plan.keys.lock}: {who} not acquired it")
        return own.last


class Lock(LockBase[ValkeyClient, Acquisition]):
    """Mutual exclusion among processes: `with Lock(client, "stock", timeout=10) as acquired:`.

    `timeout` (seconds) is the lease: a dead owner blocks the others no longer. Waiting does not
    poll: whoever releases hands the lock to the first in the queue, and calls it. `blocking`
    and `blocking_timeout` (seconds; None: for ever) say whether and how long to wait. `sleep`
    is the longest time that a waiter goes without looking, for those who do not trust
    messages; None: until the owner's lease would end. A waiter takes one connection, beside
    the client's pool.

    With `auto_renew` the lease is prolonged at each third of it for as long as this process
    lives, until it is released; `on_lost` is called, in the watchdog's thread, when that
    failed. With `thread_local` a thread releases only what it has acquired itself.

    Not reentrant: a thread that asks for what it has already waits for itself.
    """

    def _begin(self) -> None:
        self._doing = Threads(self.client, self._plan.keys.lock)
        self._books: Any = threading.local() if self._is_local else SimpleNamespace()

    def __enter__(self) -> Acquisition:
        return self._entered(self._own(), self.acquire())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._own().blocks.pop().__exit__(kind, error, trace)

    def acquire(
        self, *, blocking: bool | None = None, blocking_timeout: Lifetime | None = None
    ) -> Acquisition | None:
        """Return the acquisition, or None if there was none in time."""
        grant = self._doing.run(self._plan.acquire(self._patience(blocking, blocking_timeout)))
        if grant is None:
            return None
        acquisition = Acquisition(self._doing, self._plan, grant, **self._renewing)
        self._own().last = acquisition
        return acquisition

    def extend(self, timeout: Lifetime | None = None) -> None:
        """Extend what this thread or task has acquired last; see `Acquisition.extend`."""
        self._last(self._own()).extend(timeout)

    def release(self) -> None:
        """Release what this thread or task has acquired last; LockError if that is nothing."""
        own = self._own()
        self._last(own).release()
        own.last = None

    def _own(self) -> Own[Acquisition]:
        if not hasattr(self._books, "own"):
            self._books.own = Own()
        own: Own[Acquisition] = self._books.own
        return own


class AsyncLock(LockBase[AsyncValkeyClient, AsyncAcquisition]):
    """The asyncio face of `Lock`: with `thread_local` a task releases only what is its own.

    A cancelled `acquire` leaves nothing behind: neither a place in the queue nor the lock.
    """

    def _begin(self) -> None:
        self._doing = Tasks(self.client, self._plan.keys.lock)
        self._books: WeakKeyDictionary[object, Own[AsyncAcquisition]] = WeakKeyDictionary()

    async def __aenter__(self) -> AsyncAcquisition:
        return self._entered(self._own(), await self.acquire())

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._own().blocks.pop().__aexit__(kind, error, trace)

    async def acquire(
        self, *, blocking: bool | None = None, blocking_timeout: Lifetime | None = None
    ) -> AsyncAcquisition | None:
        """Return the acquisition, or None if there was none in time."""
        patience = self._patience(blocking, blocking_timeout)
        grant = await self._doing.run(self._plan.acquire(patience))
        if grant is None:
            return None
        acquisition = AsyncAcquisition(self._doing, self._plan, grant, **self._renewing)
        self._own().last = acquisition
        return acquisition

    async def extend(self, timeout: Lifetime | None = None) -> None:  # noqa: ASYNC109 - a lease, nothing to wait for
        """Extend what this thread or task has acquired last; see `Acquisition.extend`."""
        await self._last(self._own()).extend(timeout)

    async def release(self) -> None:
        """Release what this thread or task has acquired last; LockError if that is nothing."""
        own = self._own()
        await self._last(own).release()
        own.last = None

    def _own(self) -> Own[AsyncAcquisition]:
        whose = (asyncio.current_task() if self._is_local else None) or self
        return self._books.setdefault(whose, Own())
