"""A TCP proxy before a server: it can lose replies, count what it sees, and speak TLS."""

import asyncio
import ssl
import threading
from collections import Counter
from types import TracebackType
from typing import Self

from valkey_redis.embedded import HOST

CHUNK = 2**16


class Proxy:
    """Forward connections to `target`; with `context` its clients must speak TLS.

    `lose_reply(b"INCRBY")` lets the server execute the next such command and then closes
    the connection instead of passing the reply on.
    """

    def __init__(self, target: int, *, context: ssl.SSLContext | None = None) -> None:
        self.port = 0
        self.seen: Counter[bytes] = Counter()
        self.lost = 0
        self._target = target
        self._context = context
        self._losing: Counter[bytes] = Counter()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)
        assert not self._thread.is_alive()

    def lose_reply(self, command: bytes, times: int = 1) -> None:
        """Lose the replies to the next commands of that name."""
        self._losing[command] += times

    async def _run(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        server = await asyncio.start_server(self._accept, HOST, 0, ssl=self._context)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._end.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()  # a TLS connection would wait for the other end's goodbye
        for _ in range(5):
            await asyncio.sleep(0)  # the transports close in the loop's next turns

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        task = asyncio.create_task(self._forward(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            up_reader, up_writer = await asyncio.open_connection(HOST, self._target)
        except OSError:
            writer.close()
            return
        self._writers.append(up_writer)
        doomed = asyncio.Event()

        async def requests() -> None:
            while data := await reader.read(CHUNK):
                self._note(data, doomed)
                up_writer.write(data)

        async def replies() -> None:
            while data := await up_reader.read(CHUNK):
                if doomed.is_set():
                    self.lost += 1
                    return
                writer.write(data)

        both = [asyncio.create_task(requests()), asyncio.create_task(replies())]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()
            writer.close()
            up_writer.close()

    def _note(self, data: bytes, doomed: asyncio.Event) -> None:
        for line in data.split(b"\r\n"):
            if line.isalpha() and line.isupper():
                self.seen[line] += 1
                if self._losing[line] > 0:
                    self._losing[line] -= 1
                    doomed.set()
