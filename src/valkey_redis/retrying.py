"""Send a failed command again only where that does no harm.

The drivers' own retries repeat every command, so that an INCR whose reply was lost
counts twice. They are switched off; these mixins call the driver's Retry instead.
"""

from functools import partial
from typing import Any, cast

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
    if command.upper() == "PING":
        return False  # a health check asks how the server is now, once
    if any(cls.__name__ in _REFUSALS for cls in type(error).__mro__):
        return True
    # Both drivers say "Error 111 connecting to host:port" and "Timeout connecting
    # to server"; every later failure is worded otherwise.
    return " connecting to " in str(error)


def _raise_unless_harmless(command: str, error: Exception) -> None:
    if not may_repeat(command, error):
        raise error


async def _araise_unless_harmless(command: str, error: Exception) -> None:
    _raise_unless_harmless(command, error)


def _ignore(_: Exception) -> None:
    return None


async def _aignore(_: Exception) -> None:
    return None


class Retrying:
    """Mixin over a driver's client class; `_retry` is the driver's Retry of the settings."""

    _retry: Any
    # What a cluster client of either driver would repeat on its own.
    ERRORS_ALLOW_RETRY: tuple[type[Exception], ...] = ()

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send the command, and again after a failure where that is harmless."""
        send = cast("Any", super()).execute_command
        return self._retry.call_with_retry(
            lambda: send(*args, **options), partial(_raise_unless_harmless, str(args[0]))
        )

    def execute_repeatable(self, *args: Any) -> Any:
        """Send the command, and again after any failure: its caller says that this is harmless."""
        return self._retry.call_with_retry(lambda: self.execute_once(*args), _ignore)

    def execute_once(self, *args: Any) -> Any:
        """Send the command, and never again."""
        base = cast("Any", super())
        return getattr(base, "execute_once", base.execute_command)(*args)


class AsyncRetrying:
    """The asyncio face of `Retrying`."""

    _retry: Any
    ERRORS_ALLOW_RETRY: tuple[type[Exception], ...] = ()

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send the command, and again after a failure where that is harmless."""
        send = cast("Any", super()).execute_command
        return await self._retry.call_with_retry(
            lambda: send(*args, **options), partial(_araise_unless_harmless, str(args[0]))
        )

    async def execute_repeatable(self, *args: Any) -> Any:
        """Send the command, and again after any failure: its caller says that this is harmless."""
        return await self._retry.call_with_retry(lambda: self.execute_once(*args), _aignore)

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
