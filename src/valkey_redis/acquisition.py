"""One acquisition of a lock: `Acquisition` and `AsyncAcquisition`, with its token and its fence."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Generic, Self, TypeVar

from valkey_redis.commands import Lifetime, milliseconds
from valkey_redis.errors import LockError, LockLostError, ValkeyRedisError
from valkey_redis.lock_plan import Grant, LockPlan
from valkey_redis.locking import Tasks, Threads
from valkey_redis.watchdog import WATCHDOG

_log = logging.getLogger("valkey_redis.lock")
D = TypeVar("D", Threads, Tasks)
OnLost = Callable[[], object]


class Held(Generic[D]):
    """What an acquisition knows of its lease; see `Acquisition`."""

    def __init__(self, doing: D, plan: LockPlan, grant: Grant, on_lost: OnLost | None) -> None:
        self._doing: D = doing
        self._plan, self._grant, self._on_lost = plan, grant, on_lost
        self._until = grant.sent + plan.lease / 1000
        self._is_lost = self._is_over = False

    def __repr__(self) -> str:
        state = "lost" if self.lost else "released" if self._is_over else "held"
        return f"{type(self).__name__}({self._plan.keys.lock}, fence={self.fence}, {state})"

    @property
    def token(self) -> str:
        """What tells this acquisition from every other one to the server."""
        return self._grant.token

    @property
    def fence(self) -> int:
        """A number greater than that of every earlier acquisition: give it to the resource."""
        return self._grant.fence

    @property
    def lost(self) -> bool:
        """Whether the lease ended before it was given back, as far as this process knows.

        False is no promise: the process may be paused right after it asked. See `fence`.
        """
        return self._is_lost or (not self._is_over and time.monotonic() >= self._until)

    def _length(self, timeout: Lifetime | None) -> int:
        """Return the milliseconds to extend by."""
        if self._is_over:
            raise LockError(f"{self._plan.keys.lock}: it was released, and cannot be extended")
        return self._plan.lease if timeout is None else milliseconds("timeout", timeout)

    def _extended(self, is_held: bool, sent: float, length: int) -> None:
        """Note what the server said; raise LockLostError if the lease is over."""
        if is_held:
            self._until = max(self._until, sent + length / 1000)
            return
        self._is_lost = True
        raise LockLostError(f"{self._plan.keys.lock}: the lease is over")

    def _renewed(self, is_held: bool | None, sent: float) -> bool:
        """Note what came of a renewal (None: no answer); return whether to go on."""
        if self._is_over:
            return False
        if is_held:
            self._until = max(self._until, sent + self._plan.lease / 1000)
        self._is_lost = self._is_lost or is_held is False or self.lost
        if self._is_lost and self._on_lost is not None:
            try:
                self._on_lost()
            except Exception:  # noqa: BLE001 - the watchdog has other locks to renew
                _log.exception("%s: on_lost failed", self._plan.keys.lock)
        return not self._is_lost

    def _left(self, was_ours: bool, is_repeated: bool) -> None:
        """Note that it was given back; raise LockLostError if it was not ours any more.

        A release that was sent again may have been done by its first copy: "not ours" is
        then nobody's fault.
        """
        if not was_ours and not is_repeated:
            self._is_lost = True
            raise LockLostError(f"{self._plan.keys.lock}: the lease was over before the release")


class Acquisition(Held[Threads]):
    """A lock that is ours until `release`, or until the lease ends; a context manager.

    Leaving the block releases. If the lease was over by then, LockLostError is raised, but
    for a block that ends with an error of its own.
    """

    def __init__(
        self,
        doing: Threads,
        plan: LockPlan,
        grant: Grant,
        *,
        auto_renew: bool = False,
        on_lost: OnLost | None = None,
    ) -> None:
        super().__init__(doing, plan, grant, on_lost)
        self._renewal: ExitStack | None = None
        if auto_renew:
            self._renewal = ExitStack()
            self._renewal.enter_context(WATCHDOG.every(plan.lease / 3000, self._renew))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(*(() if error is None else (ValkeyRedisError,))):
            self.release()

    def extend(self, timeout: Lifetime | None = None) -> None:
        """Let the lease last `timeout` seconds from now, or the lock's own; never shorten it.

        Raises LockLostError if the lease is over, LockError if it was released.
        """
        length, sent = self._length(timeout), time.monotonic()
        is_held, _ = self._doing.send(self._plan.extend(self.token, length))
        self._extended(is_held, sent, length)

    def release(self) -> None:
        """Give the lock back, to the first who waits; a second time does nothing.

        Raises LockLostError if the lease was over by then.
        """
        if self._is_over:
            return
        self._is_over = True
        if self._renewal is not None:
            self._renewal.close()
        leave = self._plan.leave(self.token, is_for_good=self._grant.is_unsure)
        try:
            was_ours, is_repeated = self._doing.send(leave)
        except BaseException as error:
            self._is_over = False
            if not isinstance(error, Exception):  # interrupted: perhaps before it was sent
                self._doing.undo(leave)
            raise
        self._left(was_ours, is_repeated)

    def _renew(self) -> None:
        sent, is_held = time.monotonic(), None
        with suppress(ValkeyRedisError):  # there is another turn before the lease ends
            is_held = self._doing.once(self._plan.extend(self.token, self._plan.lease))
        if not self._renewed(is_held, sent) and self._renewal is not None:
            self._renewal.close()


class AsyncAcquisition(Held[Tasks]):
    """The asyncio face of `Acquisition`. A cancelled release is done all the same."""

    def __init__(
        self,
        doing: Tasks,
        plan: LockPlan,
        grant: Grant,
        *,
        auto_renew: bool = False,
        on_lost: OnLost | None = None,
    ) -> None:
        super().__init__(doing, plan, grant, on_lost)
        self._renewal = asyncio.ensure_future(self._renew()) if auto_renew else None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(*(() if error is None else (ValkeyRedisError,))):
            await self.release()

    async def extend(self, timeout: Lifetime | None = None) -> None:  # noqa: ASYNC109 - a lease, nothing to wait for
        """Let the lease last `timeout` seconds from now, or the lock's own; never shorten it.

        Raises LockLostError if the lease is over, LockError if it was released.
        """
        length, sent = self._length(timeout), time.monotonic()
        is_held, _ = await self._doing.send(self._plan.extend(self.token, length))
        self._extended(is_held, sent, length)

    async def release(self) -> None:
        """Give the lock back, to the first who waits; a second time does nothing.

        Raises LockLostError if the lease was over by then.
        """
        if self._is_over:
            return
        self._is_over = True
        leave = self._plan.leave(self.token, is_for_good=self._grant.is_unsure)
        try:
            if self._renewal is not None:
                self._renewal.cancel()
            was_ours, is_repeated = await self._doing.send(leave)
        except BaseException as error:
            self._is_over = False
            if not isinstance(error, Exception):  # cancelled: perhaps before it was sent
                await self._doing.undo(leave)
            raise
        self._left(was_ours, is_repeated)

    async def _renew(self) -> None:
        is_going_on = True
        while is_going_on:
            await asyncio.sleep(self._plan.lease / 3000)
            sent, is_held = time.monotonic(), None
            with suppress(ValkeyRedisError):  # there is another turn before the lease ends
                is_held = await self._doing.once(self._plan.extend(self.token, self._plan.lease))
            is_going_on = self._renewed(is_held, sent)
