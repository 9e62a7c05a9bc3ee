"""Every error that this package raises, and the one place where a driver's errors become ours."""

import re
from types import TracebackType
from typing import Self


class ValkeyRedisError(Exception):
    """Base of every error of this package."""


class ConfigurationError(ValkeyRedisError, ValueError):
    """A setting has a value that it does not take."""


class InvalidArgumentError(ValkeyRedisError, ValueError):
    """A call was given a value that it does not take."""


class ServerUnavailableError(ValkeyRedisError):
    """The server cannot be reached, went away, or is not serving yet."""


class ServerTimeoutError(ServerUnavailableError):
    """No answer within the timeout: the command may have been executed or not."""


class DeadlineExceededError(ServerTimeoutError):
    """The time that the caller gave is over; see `deadline`. It says nothing about the server."""


class ConnectionLostError(ServerUnavailableError):
    """The connection broke: the command may have been executed or not."""


class PoolExhaustedError(ServerUnavailableError):
    """All of the pool's connections were in use for too long; it says nothing about the server."""


class CircuitOpenError(ServerUnavailableError):
    """A circuit breaker is open: nothing was sent. `retry_after` is in how many seconds to try."""

    def __init__(self, text: str, retry_after: float) -> None:
        super().__init__(text)
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[type[Self], tuple[str, float]]:
        return type(self), (str(self), self.retry_after)


class AuthenticationError(ValkeyRedisError):
    """The server refused the user name or the password."""


class NotPermittedError(AuthenticationError):
    """The user is known, and may not do this."""


class CommandError(ValkeyRedisError):
    """The server understood and refused the command, e.g. WRONGTYPE."""


class OutOfMemoryError(CommandError):
    """The server is at its memory limit and its policy evicts nothing."""


class CorruptValueError(ValkeyRedisError):
    """Stored bytes are not what the codec wrote."""


class SchemaVersionError(CorruptValueError):
    """Stored bytes were written under another schema version."""


class LockError(ValkeyRedisError):
    """A lock cannot be used like this: this thread or task does not hold it."""


class LockNotAcquiredError(LockError):
    """The lock was not free in the time that there was for it."""


class LockLostError(LockError):
    """The lease is over: it ran out, and somebody else may have the lock."""


class EmbeddedServerError(ValkeyRedisError):
    """The embedded server did not start, or is not available on this platform."""


# Both drivers give their exceptions the same class names, so one table by name
# serves both and imports neither. The first name found along the error's MRO wins.
_BY_DRIVER_NAME: dict[str, type[ValkeyRedisError]] = {
    "AuthenticationError": AuthenticationError,
    "AuthorizationError": AuthenticationError,
    "NoPermissionError": NotPermittedError,
    "TimeoutError": ServerTimeoutError,
    "OutOfMemoryError": OutOfMemoryError,
    "ClusterDownError": ServerUnavailableError,
    "TryAgainError": ServerUnavailableError,
    "ClusterError": ServerUnavailableError,
    "SlotNotCoveredError": ServerUnavailableError,
    "ConnectionError": ServerUnavailableError,
    "ResponseError": CommandError,
    "DataError": InvalidArgumentError,
    "ValkeyClusterException": CommandError,
    "RedisClusterException": CommandError,
    "ValkeyError": ValkeyRedisError,
    "RedisError": ValkeyRedisError,
}
# What the drivers say under a general class, and what it means.
_BY_TEXT: dict[str, type[ValkeyRedisError]] = {
    # A cluster client says "cannot be connected" of a wrong password too: first come first.
    "invalid username-password": AuthenticationError,
    "Authentication required": AuthenticationError,
    "cannot be connected": ServerUnavailableError,
    "NOAUTH": AuthenticationError,
    "NOPERM": NotPermittedError,
    "WRONGPASS": AuthenticationError,
    "OOM ": OutOfMemoryError,
    # There was a connection, and it broke. A new one may well be had.
    "Connection closed": ConnectionLostError,
    "Connection lost": ConnectionLostError,
    "while reading from": ConnectionLostError,
    "while writing to": ConnectionLostError,
    "No connection available": PoolExhaustedError,
    "Too many connections": PoolExhaustedError,
}

# Where drivers and servers quote a command: its words are keys and values.
_QUOTED = re.compile(
    r"^Command # \d+ \(.*\) of pipeline caused error: "
    r"|,? with args beginning with:.*"
    r"|(?<=target nodes\.) Command: .*"
)


def translate(error: BaseException, server: str) -> ValkeyRedisError | None:
    """Return this package's error for a driver's, or None for any other error.

    `server` names the server in the message; it must hold no password.
    """
    names = (cls.__name__ for cls in type(error).__mro__)
    kind = next((_BY_DRIVER_NAME[name] for name in names if name in _BY_DRIVER_NAME), None)
    if kind is None:
        return None
    said = " ".join(str(error).split())
    text = _QUOTED.sub("", said)
    if text != said:
        error.args = (text,)  # it will be the cause of ours, and tracebacks show that
    text = text or type(error).__name__
    kind = next((better for part, better in _BY_TEXT.items() if part in text), kind)
    return kind(f"{server}: {text}")


def is_unknown_script(error: Exception) -> bool:
    """Return whether the server says that it does not have the script that was called by its hash."""
    return type(error).__name__ == "NoScriptError"


class Translated:
    """Context manager that raises a driver's error as this package's, from the original.

    It holds no state but the server's name, so one object serves every call.
    """

    __slots__ = ("server",)

    def __init__(self, server: str) -> None:
        self.server = server

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None or isinstance(error, ValkeyRedisError):
            return
        known = translate(error, self.server)
        if known is not None:
            raise known from error
