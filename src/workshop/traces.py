"""Traces: lists of the keys that were read, from a file or from what a client sent."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

from valkey_redis import AsyncValkeyClient, InvalidArgumentError, ValkeyClient
from workshop.recorder import Recorder, recording, recording_async

READS = {"GET": 1, "GETEX": 1, "MGET": None}  # how many keys follow; None is all that do


def load_trace(path: str | Path) -> list[str]:
    """Read a text file with one key a line, in the order in which they were asked for.

    Empty lines count for nothing. Raises InvalidArgumentError for a file that cannot be read,
    or has no keys.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig", errors="backslashreplace")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InvalidArgumentError(f"{path}: {reason}: takes a text file, one key a line") from None
    trace = [line for line in text.split("\n") if line]
    if not trace:
        raise InvalidArgumentError(f"{path} is empty: takes a text file, one key a line")
    return trace


def save_trace(path: str | Path, keys: Iterable[str]) -> None:
    """Write the keys to a text file, one a line; line breaks and backslashes in them escaped."""
    lines = (key.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r") for key in keys)
    Path(path).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def recorded(client: ValkeyClient | AsyncValkeyClient) -> Recorder:
    """Record all that the client sends; call it before the client's first command.

    Raises InvalidArgumentError for a cluster's client, which has a pool for each node.
    """
    pool = getattr(client.raw, "connection_pool", None)
    if pool is None:
        raise InvalidArgumentError("a cluster's client: takes one of a standalone server")
    recorder = Recorder()
    wrap = recording_async if isinstance(client, AsyncValkeyClient) else recording
    pool.connection_class = wrap(pool.connection_class, recorder, "")
    return recorder


def keys_read(recorder: Recorder, match: str = "*") -> list[str]:
    """Return the keys that match and were read by GET, GETEX or MGET, in order, misses too.

    A `Cache` reads its own records too; its entries are "{namespace}:cache:*".
    """
    found: list[str] = []
    for entry in recorder.sent:
        name, *keys = entry.words
        if name.upper() in READS:
            found += keys[: READS[name.upper()]]
    return [key for key in found if fnmatchcase(key, match)]
