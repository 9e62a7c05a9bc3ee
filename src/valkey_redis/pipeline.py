"""Several commands in one round trip: `Pipeline` and `AsyncPipeline`."""

from typing import Any, Self

from valkey_redis import commands
from valkey_redis.calling import Call, Caller
from valkey_redis.codec import Codec
from valkey_redis.commands import Command, Key, Lifetime
from valkey_redis.deadline import within
from valkey_redis.driver import AsyncRawClient, RawClient
from valkey_redis.errors import is_unknown_script


class _Queue:
    """Collect commands; each method returns the pipeline, so that calls can be chained."""

    def __init__(self, codec: Codec[Any]) -> None:
        self._codec = codec
        self._queued: list[Command[Any]] = []

    def add(self, command: Command[Any]) -> Self:
        """Append one command."""
        self._queued.append(command)
        return self

    def get(self, key: Key) -> Self:
        """Queue a GET."""
        return self.add(commands.get(self._codec, key))

    def set(self, key: Key, value: Any, ex: Lifetime | None = None) -> Self:
        """Queue a SET that expires after `ex` seconds."""
        return self.add(commands.set_(self._codec, key, value, ex))

    def delete(self, key: Key) -> Self:
        """Queue an UNLINK."""
        return self.add(commands.delete((key,))[0])

    def exists(self, key: Key) -> Self:
        """Queue an EXISTS."""
        return self.add(commands.exists((key,))[0])

    def incr(self, key: Key, amount: int = 1) -> Self:
        """Queue an INCRBY."""
        return self.add(commands.incr(key, amount))

    def expire(self, key: Key, ex: Lifetime) -> Self:
        """Queue a PEXPIRE."""
        return self.add(commands.expire(key, ex))

    def ttl(self, key: Key) -> Self:
        """Queue a PTTL."""
        return self.add(commands.ttl(key))

    def _take(self) -> list[Command[Any]]:
        queued, self._queued = self._queued, []
        return queued

    @staticmethod
    def _unknown(replies: list[Any]) -> list[int]:
        """Return which commands called a script that the server does not have."""
        return [
            i
            for i, reply in enumerate(replies)
            if isinstance(reply, Exception) and is_unknown_script(reply)
        ]

    @staticmethod
    def _read(queued: list[Command[Any]], replies: list[Any]) -> list[Any]:
        """Return the values, or raise the first command's error; the others were executed."""
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        return [command.read(reply) for command, reply in zip(queued, replies, strict=True)]


class Pipeline(_Queue):
    """Queue commands, then send them together.

    With `transaction=True` the server runs them with nothing in between (MULTI/EXEC);
    a cluster's pipeline goes to several nodes and cannot be a transaction.
    """

    def __init__(
        self, raw: RawClient, codec: Codec[Any], caller: Caller, *, transaction: bool
    ) -> None:
        super().__init__(codec)
        self._raw = raw
        self._caller = caller
        self._transaction = transaction

    def execute(self) -> list[Any]:
        """Send what is queued; return one value a command, in order.

        A failed command does not stop the others: the first error is raised after all
        have run. Nothing is sent again after a lost connection.
        """
        queued = self._take()
        if not queued:
            return []
        with Call(self._caller, queued):
            pipe = self._raw.pipeline(transaction=self._transaction)
            for command in queued:
                pipe.execute_command(*command.words)
            replies = pipe.execute(raise_on_error=False)
            for i in self._unknown(replies):
                replies[i] = self._raw.execute_command(*queued[i].whole())
            return self._read(queued, replies)


class AsyncPipeline(_Queue):
    """The asyncio face of `Pipeline`."""

    def __init__(
        self, raw: AsyncRawClient, codec: Codec[Any], caller: Caller, *, transaction: bool
    ) -> None:
        super().__init__(codec)
        self._raw = raw
        self._caller = caller
        self._transaction = transaction

    async def execute(self) -> list[Any]:
        """Send what is queued; return one value a command, in order.

        A failed command does not stop the others: the first error is raised after all
        have run. Nothing is sent again after a lost connection.
        """
        queued = self._take()
        if not queued:
            return []
        with Call(self._caller, queued):
            pipe = self._raw.pipeline(transaction=self._transaction)
            for command in queued:
                pipe.execute_command(*command.words)
            replies = await within(pipe.execute(raise_on_error=False))
            for i in self._unknown(replies):
                replies[i] = await within(self._raw.execute_command(*queued[i].whole()))
            return self._read(queued, replies)
