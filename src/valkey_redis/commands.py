"""The basic commands as values: what is sent, and what its reply means. Pure, no I/O.

Both clients and both pipelines send these, so that each command is decided once.
"""

import math
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Generic, NamedTuple, TypeVar

from valkey_redis.codec import Codec
from valkey_redis.errors import InvalidArgumentError
from valkey_redis.scripts import Script

R = TypeVar("R")
Key = str | bytes
Lifetime = float | timedelta
"""Seconds as a number, or a timedelta; more than 0."""
MAX_LIFETIME = 10**12  # seconds: 31,700 years; the server's clock ends later


class Command(NamedTuple, Generic[R]):
    """One command: its words, and the function that turns the driver's reply into a value.

    `script` is what an EVALSHA calls, to be sent whole if the server does not have it.
    `is_repeatable` says that to send it twice is as good as once, also with others between:
    it is sent again if its reply was lost.
    """

    words: tuple[Any, ...]
    read: Callable[[Any], R]
    script: Script | None = None
    is_repeatable: bool = False

    def whole(self) -> tuple[Any, ...]:
        """Return the words that send the script's source instead of its hash; the server keeps it."""
        assert self.script is not None  # noqa: S101 - only the reply to an EVALSHA leads here
        return ("EVAL", self.script.source, *self.words[2:])


def milliseconds(name: str, lifetime: Lifetime) -> int:
    """Return the lifetime in whole milliseconds, rounded up: never 0, which would delete the key.

    Raises InvalidArgumentError for 0, a negative, NaN, too large or not a number.
    """
    seconds = lifetime.total_seconds() if isinstance(lifetime, timedelta) else lifetime
    if (
        isinstance(seconds, bool)
        or not isinstance(seconds, (int, float))
        or not 0 < seconds <= MAX_LIFETIME
    ):
        raise InvalidArgumentError(
            f"{name}={lifetime!r:.40}: takes seconds (a number more than 0, at most 1e12) or a timedelta"
        )
    return math.ceil(seconds * 1000)


def get(codec: Codec[Any], key: Key) -> Command[Any]:
    """GET: the value, or None if there is no such key."""
    return Command(("GET", key), lambda data: None if data is None else codec.decode(data))


def set_(codec: Codec[Any], key: Key, value: Any, ex: Lifetime | None) -> Command[None]:
    """SET, with PX if the value expires; any former expiry is gone."""
    words: tuple[Any, ...] = ("SET", key, codec.encode(value))
    if ex is not None:
        words += ("PX", milliseconds("ex", ex))
    return Command(words, _nothing)


def delete(keys: tuple[Key, ...]) -> list[Command[int]]:
    """UNLINK for each key: how many existed; one key a command, as their slots may differ."""
    return [Command(("UNLINK", key), int) for key in keys]


def exists(keys: tuple[Key, ...]) -> list[Command[int]]:
    """EXISTS for each key; a key named twice counts twice."""
    return [Command(("EXISTS", key), int) for key in keys]


def incr(key: Key, amount: int) -> Command[int]:
    """INCRBY: the counter after it; a missing counter counts as 0."""
    return Command(("INCRBY", key, _whole("amount", amount)), int)


def incr_expiring(script: Script, key: Key, amount: int, ex: Lifetime) -> Command[int]:
    """INCRBY and, if the counter has no expiry, PEXPIRE, in one step: see incr.lua."""
    return call(script, (key,), (_whole("amount", amount), milliseconds("ex", ex)), int)


def call(
    script: Script,
    keys: Sequence[Key],
    args: Sequence[Any],
    read: Callable[[Any], R],
    *,
    is_repeatable: bool = False,
) -> Command[R]:
    """EVALSHA: a script, which must name every key that it touches."""
    words = ("EVALSHA", script.sha, len(keys), *keys, *args)
    return Command(words, read, script, is_repeatable)


def expire(key: Key, ex: Lifetime) -> Command[bool]:
    """PEXPIRE: whether the key exists."""
    return Command(("PEXPIRE", key, milliseconds("ex", ex)), bool)


def ttl(key: Key) -> Command[float | None]:
    """PTTL in seconds: None if the key never expires, 0 if there is no such key."""
    return Command(("PTTL", key), _read_ttl)


def publish(codec: Codec[Any], channel: str, value: Any) -> Command[int]:
    """PUBLISH: how many subscribers of the answering node got it."""
    return Command(("PUBLISH", channel, codec.encode(value)), int)


def _whole(name: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidArgumentError(f"{name}={value!r:.40}: takes a whole number")
    return value


def _nothing(_: Any) -> None:
    return None


def _read_ttl(reply: int) -> float | None:
    if reply == -1:
        return None
    return max(reply, 0) / 1000
