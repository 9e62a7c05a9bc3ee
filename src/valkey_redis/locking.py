"""Do what a lock's steps say: `Threads` by waiting in the caller's thread, `Tasks` in its task."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from valkey_redis.client import AsyncValkeyClient, ValkeyClient
from valkey_redis.commands import Command
from valkey_redis.deadline import unbounded
from valkey_redis.errors import CircuitOpenError, ServerUnavailableError, ValkeyRedisError
from valkey_redis.lock_plan import Listen, Send, Steps, Undo, Wait
from valkey_redis.pubsub import AsyncPubSub, Message, PubSub

R = TypeVar("R")
LONGEST_WAIT = 3600.0  # seconds in one call of the driver, which takes no endless ones


class Threads:
    """What `Lock` does with a client; `near` is the lock's key, whose node is listened to."""

    def __init__(self, client: ValkeyClient, near: str) -> None:
        self.client, self._near = client, near

    def run(self, steps: Steps[R]) -> R:
        """Do what the steps say; what goes wrong, or interrupts, is raised inside of them."""
        messages: PubSub | None = None
        try:
            step = next(steps)
            while True:
                result: Any = None
                try:
                    if isinstance(step, Send):
                        result = self.ask(step.command)
                    elif isinstance(step, Listen):
                        messages = self._listen(step, messages)
                    elif isinstance(step, Wait):
                        assert messages is not None  # noqa: S101 - Listen comes first
                        result = value_of(messages.get(min(step.seconds, LONGEST_WAIT)))
                    elif isinstance(step, Undo):
                        self.undo(step.command)
                    else:
                        self._hush(messages)
                        messages = None
                except BaseException as error:  # noqa: BLE001 - the steps leave the queue
                    step = steps.throw(error)
                else:
                    step = steps.send(result)
        except StopIteration as end:
            answer: R = end.value
            return answer
        finally:
            self._hush(messages)

    def _listen(self, step: Listen, former: PubSub | None) -> PubSub:
        self._hush(former)
        return self.client.pubsub(step.channel, near=self._near).__enter__()

    def _hush(self, messages: PubSub | None) -> None:
        if messages is not None:
            messages.close()

    def ask(self, command: Command[R]) -> tuple[R, bool]:
        """Send a command that may wait for better days; return its answer, and whether sent again.

        Raises CircuitOpenError only if nothing was sent.
        """
        try:
            return self.client.attempt([command])[0], False
        except ServerUnavailableError as error:
            try:
                return self.client.send(command), True
            except CircuitOpenError:
                raise error from None

    def send(self, command: Command[R]) -> tuple[R, bool]:
        """Send a command that must be told, as often as the settings say, whatever has happened.

        Return its answer, and whether it was sent again.
        """
        try:
            return self.once(command), False
        except ServerUnavailableError:
            with unbounded():
                return self.client.send(command, guarded=False), True

    def once(self, command: Command[R]) -> R:
        """Send a command that must be told, once."""
        with unbounded():  # a lock that is kept for want of time keeps others waiting
            answer: R = self.client.attempt([command], guarded=False)[0]
        return answer

    def undo(self, command: Command[Any]) -> None:
        """Send the command once; a failure is nobody's, as the lease ends by itself."""
        with suppress(ValkeyRedisError):
            self.once(command)


class Tasks:
    """What `AsyncLock` does with a client; see `Threads`."""

    def __init__(self, client: AsyncValkeyClient, near: str) -> None:
        self.client, self._near = client, near
        self._tasks: set[asyncio.Task[Any]] = set()  # a task that nobody holds may vanish

    async def run(self, steps: Steps[R]) -> R:
        """Do what the steps say; what goes wrong, or cancels, is raised inside of them."""
        messages: AsyncPubSub | None = None
        try:
            step = next(steps)
            while True:
                result: Any = None
                try:
                    if isinstance(step, Send):
                        result = await self.ask(step.command)
                    elif isinstance(step, Listen):
                        messages = await self._listen(step, messages)
                    elif isinstance(step, Wait):
                        assert messages is not None  # noqa: S101 - Listen comes first
                        result = value_of(await messages.get(min(step.seconds, LONGEST_WAIT)))
                    elif isinstance(step, Undo):
                        await self.undo(step.command)
                    else:
                        await self._hush(messages)
                        messages = None
                except BaseException as error:  # noqa: BLE001 - the steps leave the queue
                    step = steps.throw(error)
                else:
                    step = steps.send(result)
        except StopIteration as end:
            answer: R = end.value
            return answer
        finally:
            if messages is not None:
                await self._finish(messages.close())

    async def _listen(self, step: Listen, former: AsyncPubSub | None) -> AsyncPubSub:
        await self._hush(former)
        return await self.client.pubsub(step.channel, near=self._near).__aenter__()

    async def _hush(self, messages: AsyncPubSub | None) -> None:
        if messages is not None:
            await messages.close()

    async def ask(self, command: Command[R]) -> tuple[R, bool]:
        """Send a command that may wait for better days; return its answer, and whether sent again.

        Raises CircuitOpenError only if nothing was sent.
        """
        try:
            return (await self.client.attempt([command]))[0], False
        except ServerUnavailableError as error:
            try:
                return await self.client.send(command), True
            except CircuitOpenError:
                raise error from None

    async def send(self, command: Command[R]) -> tuple[R, bool]:
        """Send a command that must be told, as often as the settings say, whatever has happened.

        Return its answer, and whether it was sent again.
        """
        try:
            return await self.once(command), False
        except ServerUnavailableError:
            with unbounded():
                return await self.client.send(command, guarded=False), True

    async def once(self, command: Command[R]) -> R:
        """Send a command that must be told, once."""
        with unbounded():  # a lock that is kept for want of time keeps others waiting
            answer: R = (await self.client.attempt([command], guarded=False))[0]
        return answer

    async def undo(self, command: Command[Any]) -> None:
        """Send the command once, in a task of its own: who is cancelled again leaves it to it."""
        await self._finish(self._undo(command))

    async def _finish(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.shield(task)

    async def _undo(self, command: Command[Any]) -> None:
        with suppress(ValkeyRedisError):
            await self.once(command)


def value_of(message: Message | None) -> Any:
    """Return what a message says; None if there is none."""
    return None if message is None else message.value
