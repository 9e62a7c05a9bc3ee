"""What makes the drivers' blocking pools quicker: where nobody waits, nothing needs a lock."""

from collections.abc import Callable
from queue import Empty, Full, SimpleQueue
from typing import Any, cast

from valkey_redis.deadline import ENDS, check, remaining, shorter

MOMENT = 0.001  # seconds: 0.0 would mean not to wait at all


class QuickLifoQueue:
    """What a `BlockingConnectionPool` uses of `queue.LifoQueue`, at a tenth of its price.

    The permits wait in a queue that is written in C; the items are a stack, so that the
    connection that was used last, and is warm, is used next.
    """

    def __init__(self, maxsize: int) -> None:
        self.maxsize = maxsize
        self.queue: list[Any] = []
        self._permits: SimpleQueue[None] = SimpleQueue()

    def put_nowait(self, item: Any) -> None:
        """Put an item on top; raise queue.Full if no more fit."""
        if self.full():
            raise Full
        self.queue.append(item)
        self._permits.put(None)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Take the top item; raise queue.Empty if there is none in time, and keep to the deadline."""
        try:
            self._permits.get(block, timeout if ENDS.get() is None else shorter(timeout))
        except Empty:
            check()
            raise
        return self.queue.pop()

    def full(self) -> bool:
        """Return whether no more fit."""
        return len(self.queue) >= self.maxsize


class AsyncQuick:
    """Mixin over valkey-py's asyncio blocking pool: no lock and no timer while connections are free."""

    _queueing = 0

    async def get_connection(self, *args: Any, **options: Any) -> Any:
        """Return a connection, waiting for one if there is none, behind those who wait already."""
        pool = cast("Any", self)
        if self._queueing or not pool.can_get_connection():
            self._queueing += 1
            try:
                return await cast("Any", super()).get_connection(*args, **options)
            finally:
                self._queueing -= 1
        connection = pool.get_available_connection()
        try:
            await pool.ensure_connection(connection)
        except BaseException:
            # Cancelled in the middle of its greeting, it would give the next one the answer.
            await connection.disconnect(nowait=True)
            await self.release(connection)
            raise
        return connection

    async def release(self, connection: Any) -> None:
        """Give a connection back, and wake who waits for one."""
        if self._queueing:
            await cast("Any", super()).release(connection)
            return
        pool = cast("Any", self)
        pool._in_use_connections.remove(connection)  # noqa: SLF001 - as the pool itself
        pool._available_connections.append(connection)  # noqa: SLF001 - as above


class InTime:
    """Mixin over a driver's synchronous connection: it waits no longer than the deadline leaves.

    In asyncio `deadline.within` does so.
    """

    socket_timeout: float
    socket_connect_timeout: float
    _sock: Any

    def connect(self) -> None:
        """Connect and greet, within what is left."""
        if self._sock is not None or ENDS.get() is None:
            cast("Any", super()).connect()
            return
        check()
        left = remaining() or MOMENT
        stated = self.socket_timeout, self.socket_connect_timeout
        self.socket_timeout, self.socket_connect_timeout = (min(one, left) for one in stated)
        try:
            cast("Any", super()).connect()
        except Exception as error:
            self._explain(error)
            raise
        finally:
            self.socket_timeout, self.socket_connect_timeout = stated
            if self._sock is not None:
                self._sock.settimeout(self.socket_timeout)

    def send_packed_command(self, *args: Any, **options: Any) -> None:
        """Send, or raise if the server does not take it within what is left."""
        self._hurry(cast("Any", super()).send_packed_command, *args, **options)

    def read_response(self, *args: Any, **options: Any) -> Any:
        """Return the reply, or raise if it does not come within what is left."""
        # A Sentinel's would stay open after a timeout, with the reply still to come.
        options.setdefault("disconnect_on_error", True)
        return self._hurry(cast("Any", super()).read_response, *args, **options)

    def _hurry(self, do: Callable[..., Any], *args: Any, **options: Any) -> Any:
        if ENDS.get() is None or self._sock is None:
            return do(*args, **options)
        left = remaining()
        if not left:
            if options.get("disconnect_on_error"):
                cast("Any", self).disconnect()  # the reply may still come, and be another's
            check()
        self._sock.settimeout(min(self.socket_timeout, left or MOMENT))
        try:
            return do(*args, **options)
        except Exception as error:
            self._explain(error)
            raise
        finally:
            if self._sock is not None:
                self._sock.settimeout(self.socket_timeout)

    def _explain(self, error: Exception) -> None:
        """Raise DeadlineExceededError if the error says that there was no time."""
        if type(error).__name__ == "TimeoutError":
            check()


class PacksInC:
    """Mixin over valkey-py's asyncio connection, which packs commands in Python; the sync one does not."""

    _packer: Any

    def pack_command(self, *args: Any) -> list[bytes]:
        """Return the command as the protocol writes it."""
        packed: list[bytes] = self._packer.pack(*args)
        return packed
