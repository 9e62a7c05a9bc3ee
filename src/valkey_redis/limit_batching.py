"""Decisions of many tasks in few round trips: who comes while one is under way goes along next.

A lone caller waits for nobody; of fifty at once the first goes alone, and the others together.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from valkey_redis.deadline import unbounded, within

Q = TypeVar("Q")
A = TypeVar("A")


class Batches(Generic[Q, A]):
    """Collects questions; `send` asks several in one round trip, and raises only what is a bug."""

    def __init__(self, send: Callable[[list[Q]], Awaitable[list[A]]]) -> None:
        self._send = send
        self._is_busy = False
        self._waiting: list[tuple[Q, asyncio.Future[A]]] = []
        self._tasks: set[asyncio.Task[None]] = set()  # a task that nobody holds may vanish

    async def ask(self, question: Q) -> A:
        """Return the answer. A caller who is cancelled before it is sent has asked nothing.

        Raises DeadlineExceededError for one who has no time to wait for the others' round trip.
        """
        if self._is_busy:
            answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()
            self._waiting.append((question, answer))
            return await within(answer)
        self._is_busy = True
        try:
            return (await self._send([question]))[0]
        finally:
            self._go_on()  # also if this caller was cancelled

    def _go_on(self) -> None:
        batch = [(question, answer) for question, answer in self._waiting if not answer.done()]
        self._waiting = []
        self._is_busy = bool(batch)
        if batch:
            # A task of its own: a caller who is cancelled leaves, and the others are answered.
            with unbounded():
                task = asyncio.ensure_future(self._ask_together(batch))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _ask_together(self, batch: list[tuple[Q, asyncio.Future[A]]]) -> None:
        try:
            answers = await self._send([question for question, _ in batch])
            for (_, future), answer in zip(batch, answers, strict=True):
                if not future.done():  # else its caller was cancelled
                    future.set_result(answer)
        except Exception as error:  # noqa: BLE001 - it is each caller's
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
        finally:
            for _, future in batch:
                future.cancel()  # this task was cancelled: the loop ends
            self._go_on()
