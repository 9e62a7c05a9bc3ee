"""Send a failed command again only where that does no harm.

The drivers' own retries repeat every command, so that an INCR whose reply was lost
counts twice. They are switched off; these mixins call the driver's Retry instead.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, cast

from valkey_redis.deadline import remaining, shorter

# Repeating a command that only reads does no harm. Repeating any other might: a
# second INCR counts twice, a second SET or DEL may undo what somebody wrote between.
READ_ONLY = frozenset(
    "BITCOUNT DBSIZE EXISTS EXPIRETIME GET GETBIT GETRANGE HEXISTS HGET HGETALL HKEYS HLEN HMGET"
    " HSCAN HTTL HVALS INFO LINDEX LLEN LRANGE MGET PEXPIRETIME PFCOUNT PTTL SCAN SCARD"
    " SISMEMBER SMEMBERS SMISMEMBER SSCAN STRLEN TTL TYPE XLEN XRANGE XREVRANGE ZCARD ZCOUNT"
    " ZMSCORE ZRANGE ZRANGEBYSCORE ZRANK ZREVRANGE ZREVRANK ZSCAN ZSCORE".split()
)
# Replies that say that the command was not executed.
_REFUSALS = frozenset(
    {"BusyLoadingError", "ClusterDownError", "SlotNotCoveredError", "TryAgainError"}
)


def may_repeat(command: str, error: BaseException) -> bool:
    """Return whether sending `command` again after `error` can do no harm.

    It can do none if the command only reads, or if it was certainly not executed:
    the connection was never made, or the server's reply was a refusal.
    """
    if command.upper() in READ_ONLY:
        return True
    if any(cls.__name__ in _REFUSALS for cls in type(error).__mro__):
        return True
    # Both drivers say "Error 111 connecting to host:port" and "Timeout connecting
    # to server"; every later failure is worded otherwise.
    return " connecting to " in str(error)


class Backoff(Protocol):
    """A driver's Backoff."""

    def compute(self, failures: int) -> float: ...  # noqa: D102 - the drivers document it
    def reset(self) -> None: ...  # noqa: D102 - the drivers document it


class Hurried:
    """A driver's Backoff, but for pauses that would go beyond the deadline."""

    def __init__(self, backoff: Backoff) -> None:
        self._backoff = backoff

    def compute(self, failures: int) -> float:
        """Return the seconds to wait before the next try."""
        return shorter(self._backoff.compute(failures)) or 0.0

    def reset(self) -> None:
        """Begin anew."""
        self._backoff.reset()


def raise_when_over(error: Exception) -> None:
    """Raise the error if no time is left for another try."""
    if remaining() == 0.0:
        raise error


def _nobody(_: str) -> None:
    return None


class _Repeats:
    """What both faces decide after a failure; `on_retry` is told the command's name."""

    _retry: Any  # the driver's Retry of the settings
    _attempts: int  # how often that repeats
    on_retry: Callable[[str], None] = staticmethod(_nobody)

    def _after(self, command: str, failures: list[Exception], error: Exception) -> None:
        """Raise the error unless sending the command again is harmless."""
        if not may_repeat(command, error):
            raise error
        self._again(command, failures, error)

    def _again(self, command: str, failures: list[Exception], error: Exception) -> None:
        failures.append(error)
        if len(failures) <= self._attempts:
            self.on_retry(command)

    async def _aafter(self, command: str, failures: list[Exception], error: Exception) -> None:
        self._after(command, failures, error)

    async def _aagain(self, command: str, failures: list[Exception], error: Exception) -> None:
        self._again(command, failures, error)


class Retrying(_Repeats):
    """Mixin over a driver's client class."""

    # What a cluster client of either driver would repeat on its own.
    ERRORS_ALLOW_RETRY: tuple[type[Exception], ...] = ()

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send the command, and again after a failure where that is harmless."""
        send = cast("Any", super()).execute_command
        return self._retry.call_with_retry(
            lambda: send(*args, **options), partial(self._after, str(args[0]), [])
        )

    def execute_repeatable(self, *args: Any) -> Any:
        """Send the command, and again after any failure: its caller says that this is harmless."""
        again = partial(self._again, str(args[0]), [])
        return self._retry.call_with_retry(lambda: self.execute_once(*args), again)

    def execute_once(self, *args: Any) -> Any:
        """Send the command, and never again."""
        base = cast("Any", super())
        return getattr(base, "execute_once", base.execute_command)(*args)


class AsyncRetrying(_Repeats):
    """The asyncio face of `Retrying`."""

    ERRORS_ALLOW_RETRY: tuple[type[Exception], ...] = ()

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send the command, and again after a failure where that is harmless."""
        send = cast("Any", super()).execute_command
        return await self._retry.call_with_retry(
            lambda: send(*args, **options), partial(self._aafter, str(args[0]), [])
        )

    async def execute_repeatable(self, *args: Any) -> Any:
        """Send the command, and again after any failure: its caller says that this is harmless."""
        again = partial(self._aagain, str(args[0]), [])
        return await self._retry.call_with_retry(lambda: self.execute_once(*args), again)

    async def execute_once(self, *args: Any) -> Any:
        """Send the command, and never again."""
        base = cast("Any", super())
        return await getattr(base, "execute_once", base.execute_command)(*args)


class Direct:
    """Mixin over a standalone client class: a command sent once needs none of the driver's layers."""

    connection_pool: Any
    _names_command: bool  # whether the driver's pool wants to know the command

    def execute_once(self, *args: Any) -> Any:
        """Send the command, and never again; the reply is as it came."""
        connection = self.connection_pool.get_connection(*args[: self._names_command])
        try:
            connection.send_command(*args)
            return connection.read_response()
        except BaseException as error:
            if not is_reply(error):
                connection.disconnect()  # its reply may still come, and be another's
            raise
        finally:
            self.connection_pool.release(connection)


class AsyncDirect:
    """The asyncio face of `Direct`."""

    connection_pool: Any
    _names_command: bool

    async def execute_once(self, *args: Any) -> Any:
        """Send the command, and never again; the reply is as it came."""
        connection = await self.connection_pool.get_connection(*args[: self._names_command])
        try:
            await connection.send_command(*args)
            return await connection.read_response()
        except BaseException as error:
            if not is_reply(error):
                await connection.disconnect(
                    nowait=True
                )  # its reply may still come, and be another's
            raise
        finally:
            await self.connection_pool.release(connection)


def is_reply(error: BaseException) -> bool:
    """Return whether the error is what the server answered: the connection is as good as before."""
    return any(cls.__name__ == "ResponseError" for cls in type(error).__mro__)
