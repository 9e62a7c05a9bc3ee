"""Write-behind: answer now, write to the database later, lose nothing in between.

A write is appended to a stream. A writer reads it in a consumer group, which remembers it as
pending until it is acknowledged, and that happens only after the database has it. So a writer
that is killed in the middle loses nothing: another one claims what it left. What the dead one
had written already is then written again, and that must do no harm: compare `Write.version`.
(https://valkey.io/topics/streams-intro/)
"""

import logging
import os
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from valkey_redis.client import AsyncValkeyClient, ValkeyClient
from valkey_redis.codec import JSON, Codec
from valkey_redis.commands import Command, Lifetime, milliseconds
from valkey_redis.errors import CommandError, CorruptValueError, InvalidArgumentError

_log = logging.getLogger("valkey_redis.write_behind")
C = TypeVar("C", ValkeyClient, AsyncValkeyClient)


@dataclass(frozen=True, slots=True)
class Write:
    """One write: the key, the value, and a version that grows with each write to the stream.

    Two writers may handle two writes of one key in the wrong order, or one of them twice:
    the database should keep a value only if its version is the higher one.
    """

    id: str
    key: str
    value: Any

    @property
    def version(self) -> int:
        """Return the id as one number that compares as the ids do, below 2^63."""
        milliseconds_, _, number = self.id.partition("-")
        return (int(milliseconds_) << 20) | int(number)


class _Queue(Generic[C]):
    """The decisions of both faces; see `WriteBehind`."""

    def __init__(
        self,
        client: C,
        stream: str,
        *,
        group: str = "writers",
        batch_size: int = 100,
        idle: Lifetime = 30.0,
        codec: Codec[Any] = JSON,
    ) -> None:
        if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
            raise InvalidArgumentError(f"batch_size={batch_size!r:.40}: takes 1 or more")
        self.client: C = client
        self._stream, self._group = stream, group
        self._me = f"{socket.gethostname()}-{os.getpid()}"
        self._batch_size = batch_size
        self._idle = milliseconds("idle", idle)
        self._codec = codec
        # Where to look on for what was left: there may be more than one look passes over.
        self._cursor: Any = "0-0"

    def _put(self, key: str, value: Any) -> Command[str]:
        words: tuple[Any, ...] = (
            "XADD",
            self._stream,
            "*",
            "key",
            key,
            "value",
            self._codec.encode(value),
        )
        return Command(words, bytes.decode)

    def _create(self) -> Command[Any]:
        return Command(("XGROUP", "CREATE", self._stream, self._group, "0", "MKSTREAM"), _same)

    def _claim(self) -> Command[list[Write]]:
        words: tuple[Any, ...] = (
            "XAUTOCLAIM",
            self._stream,
            self._group,
            self._me,
            self._idle,
            self._cursor,
        )

        def read(reply: Any) -> list[Write]:
            self._cursor = reply[0]
            return self._read(reply[1])

        return Command((*words, "COUNT", self._batch_size), read)

    def _next(self) -> Command[list[Write] | None]:
        words: tuple[Any, ...] = (
            "XREADGROUP",
            "GROUP",
            self._group,
            self._me,
            "COUNT",
            self._batch_size,
        )
        return Command(
            (*words, "STREAMS", self._stream, ">"),
            lambda reply: self._read(reply[0][1]) if reply else None,
        )

    def _acknowledge(self, writes: list[Write]) -> list[Command[int]]:
        # Deleted first: an entry that is acknowledged and not deleted would stay for ever.
        ids: list[str] = [write.id for write in writes]
        return [
            Command(("XDEL", self._stream, *ids), int),
            Command(("XACK", self._stream, self._group, *ids), int),
        ]

    def _length(self) -> Command[int]:
        return Command(("XLEN", self._stream), int)

    def _read(self, entries: Any) -> list[Write]:
        writes = []
        for id_, fields in entries:
            if id_ is None:  # deleted, as Redis 6 says it
                continue
            try:
                value = self._codec.decode(fields[b"value"])
                writes.append(Write(id_.decode(), fields[b"key"].decode(), value))
            except (CorruptValueError, KeyError, UnicodeDecodeError):
                # It stays pending, for somebody to look at; the others go on.
                _log.exception("%s in %s: not a write of ours", id_, self._stream)
        return writes


class WriteBehind(_Queue[ValkeyClient]):
    """A queue of writes in a stream, and its writers; as many processes as you like share it.

    `batch_size` is how many writes are handed over at once; `idle` the seconds after which
    another writer takes over what one has read and not acknowledged: longer than a batch
    takes. The stream has no expiry, as nothing in it may be lost; what is written is deleted
    from it. Methods raise as the client's do.
    """

    def put(self, key: str, value: Any) -> str:
        """Append a write; return its id once the server has it."""
        return self.client.send(self._put(key, value))

    def drain(self, write: Callable[[list[Write]], object]) -> int:
        """Hand a batch to `write`, acknowledge it if that returns; return its length, 0 for none.

        What `write` raises is raised, and the batch waits to be claimed anew.
        """
        try:
            batch = self._take()
        except CommandError as error:
            if "NOGROUP" not in str(error):
                raise
            self._make_group()
            batch = self._take()
        if batch:
            write(batch)
            self.client.send_all(self._acknowledge(batch))
        return len(batch)

    def backlog(self) -> int:
        """Return how many writes are not in the database yet."""
        return self.client.send(self._length())

    def _take(self) -> list[Write]:
        batch: list[Write] | None = self.client.send(self._claim())
        while batch == []:  # nothing was left, or nothing but foreign entries
            batch = self.client.send(self._next())
        return batch or []

    def _make_group(self) -> None:
        try:
            self.client.send(self._create())
        except CommandError as error:
            if "BUSYGROUP" not in str(error):  # another writer was quicker
                raise


class AsyncWriteBehind(_Queue[AsyncValkeyClient]):
    """The asyncio face of `WriteBehind`."""

    async def put(self, key: str, value: Any) -> str:
        """Append a write; return its id once the server has it."""
        return await self.client.send(self._put(key, value))

    async def drain(self, write: Callable[[list[Write]], Awaitable[object]]) -> int:
        """Hand a batch to `write`, acknowledge it if that returns; return its length, 0 for none.

        What `write` raises is raised, and the batch waits to be claimed anew.
        """
        try:
            batch = await self._take()
        except CommandError as error:
            if "NOGROUP" not in str(error):
                raise
            await self._make_group()
            batch = await self._take()
        if batch:
            await write(batch)
            await self.client.send_all(self._acknowledge(batch))
        return len(batch)

    async def backlog(self) -> int:
        """Return how many writes are not in the database yet."""
        return await self.client.send(self._length())

    async def _take(self) -> list[Write]:
        batch: list[Write] | None = await self.client.send(self._claim())
        while batch == []:  # nothing was left, or nothing but foreign entries
            batch = await self.client.send(self._next())
        return batch or []

    async def _make_group(self) -> None:
        try:
            await self.client.send(self._create())
        except CommandError as error:
            if "BUSYGROUP" not in str(error):  # another writer was quicker
                raise


def _same(reply: Any) -> Any:
    return reply
