"""What both faces of the evicting caches have in common: settings, keys, commands. No I/O."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar
from zlib import crc32

from valkey_redis import commands, scripts
from valkey_redis.client import AsyncValkeyClient, ValkeyClient
from valkey_redis.codec import JSON, Codec
from valkey_redis.commands import Command, Lifetime, milliseconds
from valkey_redis.errors import InvalidArgumentError
from valkey_redis.eviction_order import Policy, Scored
from valkey_redis.keys import Keys, escape
from valkey_redis.scripts import Script

C = TypeVar("C", ValkeyClient, AsyncValkeyClient)
TOGETHER = 100  # entries that one script reads or deletes: the server serves nobody else meanwhile
MOST = 2**32  # entries, or bytes
SLOTS = 2**14  # of a cluster: more shards than these share them
READING = {"look": 1, "get": 2, "keys": 3}  # operations that change no entries: the keys they need
REPEATABLE = {*READING, "stats"}  # done twice they are at worst a use, or a miss, too many
ENDS = 14  # bytes before a value that ends; before another there is one


class EvictionPolicyWarning(UserWarning):
    """The server itself may evict a cache that keeps its own order."""


@dataclass(frozen=True, slots=True)
class EvictionStats:
    """What all clients together have done with a cache since it was made or cleared.

    `entries` are those that can be read now; `bytes` the keys and values that are kept, also
    of what has ended and not gone yet (None without `max_bytes`). `hits` and `misses` count
    what `get` and `get_many` found; `evictions` are entries that had to go for others, not
    those that were deleted or have ended. `losses` says how often the server threw away a part
    of the cache, so that it began anew; if all of it was thrown away, the account was too.
    """

    entries: int
    bytes: int | None
    hits: int
    misses: int
    evictions: int
    losses: int
    ticks: int
    inserts: int

    @property
    def hit_ratio(self) -> float | None:
        """Return hits / (hits + misses); None before the first of either."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else None

    @property
    def eviction_age(self) -> float | None:
        """Return how long an entry stays, in hits and writes of the cache; None before an eviction.

        The mean by Little's law: entries that are there / newcomers for each hit or write.
        (J. Little, A Proof for the Queuing Formula L = lambda W, 1961)
        """
        return self.entries * self.ticks / self.inserts if self.evictions else None


@dataclass(frozen=True, slots=True)
class Shard:
    """A part of the cache, in one slot."""

    keys: tuple[str, ...]
    capacity: int
    max_bytes: int  # 0: any


def script(policy: Policy, operation: str, *, counts_bytes: bool) -> Script:
    """Return the script of an operation under a policy."""
    changes = ("keep",) * (operation not in READING)
    files = [f"evict_{name}" for name in ("begin", *changes, policy.name, operation)]
    settings = (
        f"local HALF_LIFE, COUNTS_BYTES = {policy.half_life or 0!r}, {str(counts_bytes).lower()}"
    )
    source = "\n".join([settings, *(scripts.load(name).source for name in files)])
    sha = hashlib.sha1(source.encode()).hexdigest()  # noqa: S324 - see Script
    return Script("+".join(files), source, sha)


def whole(name: str, value: object, least: int = 1, most: int = MOST) -> int:
    """Return the number; raise InvalidArgumentError unless it is a whole one, `least` to `most`."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidArgumentError(
            f"{name}={value!r:.40}: takes a whole number from {least} to {most}"
        )
    return value


def in_utf8(name: str, value: object) -> bytes:
    """Return the text's bytes; raise InvalidArgumentError for what is no text, or half a character."""
    try:
        return str.encode(value)  # type: ignore[arg-type]  # or it raises TypeError
    except (TypeError, UnicodeEncodeError):
        raise InvalidArgumentError(
            f"{name}={value!r:.40}: takes a text, as UTF-8 can hold it"
        ) from None


class EvictionBase(Generic[C]):
    """Settings and commands; see `LRUCache`."""

    _policy: Policy
    _shards: list[Shard]

    def __init__(
        self,
        client: C,
        name: str,
        capacity: int,
        *,
        namespace: str = "app",
        max_bytes: int | None = None,
        ttl: Lifetime | None = None,
        shards: int = 1,
        codec: Codec[Any] = JSON,
    ) -> None:
        if not in_utf8("name", name):
            raise InvalidArgumentError("name='': takes a text of one character or more")
        if ttl is not None:
            milliseconds("ttl", ttl)
        self.client: C = client
        self.name = name
        self._ttl, self._codec = ttl, codec
        self._counts_bytes = max_bytes is not None
        prefix = Keys(namespace).key("evict") + f":{self._policy}{'-bytes' * self._counts_bytes}"
        self._starts = [
            f"{prefix}:{{{escape(name)}{f':{i}:{shards}' if shards > 1 else ''}}}"
            for i in range(whole("shards", shards, most=SLOTS))
        ]
        self._resize(capacity, max_bytes)
        self._is_checked = False
        self._scripts: dict[str, Script] = {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.client!r}, {self.name!r}, {self.capacity})"

    def _resize(self, capacity: int, max_bytes: int | None) -> None:
        """Share out the capacity."""
        shards = len(self._starts)
        whole("capacity", capacity, least=shards)
        if self._counts_bytes:
            whole("max_bytes", max_bytes, least=shards)
        elif max_bytes is not None:
            raise InvalidArgumentError(
                f"max_bytes={max_bytes!r:.40}: takes a cache that was made with max_bytes"
            )
        self.capacity, self.max_bytes = capacity, max_bytes
        self._shards = [
            Shard(
                tuple(f"{start}:{part}" for part in self._policy.parts),
                capacity // shards + (number < capacity % shards),
                (max_bytes or 0) // shards,
            )
            for number, start in enumerate(self._starts)
        ]

    # Commands --------------------------------------------------------------------------

    def _shard(self, key: str) -> Shard:
        data = in_utf8("key", key)
        if data.startswith(b"\0"):
            raise InvalidArgumentError(f"key={key!r:.40}: takes a text that begins with no NUL")
        if len(self._shards) == 1:
            return self._shards[0]
        return self._shards[crc32(data) % len(self._shards)]

    def _call(self, operation: str, shard: Shard, args: Sequence[Any], read: Any) -> Command[Any]:
        which = self._scripts.get(operation)
        if which is None:
            which = script(self._policy, operation, counts_bytes=self._counts_bytes)
            self._scripts[operation] = which
        keys = shard.keys[: READING.get(operation)]
        return commands.call(which, keys, args, read, is_repeatable=operation in REPEATABLE)

    def _for_each(self, operation: str, keys: Iterable[str], read: Any) -> list[Command[Any]]:
        """Return the commands for many keys: a few at a time, each slot's together."""
        by_shard: dict[Shard, dict[str, None]] = {}  # a key given twice is one
        for key in keys:
            by_shard.setdefault(self._shard(key), {})[key] = None
        return [
            self._call(operation, shard, part, partial(read, part))
            for shard, found in by_shard.items()
            for part in _parts(list(found))
        ]

    def _reading(self, operation: str, key: str, default: Any) -> Command[Any]:
        return self._call(operation, self._shard(key), (key,), partial(self._read_one, default))

    def _storing(self, key: str, value: Any, ttl: Lifetime | None) -> Command[int]:
        shard = self._shard(key)
        lifetime = self._ttl if ttl is None else ttl
        px = 0 if lifetime is None else milliseconds("ttl", lifetime)
        data = self._codec.encode(value)
        size = len(key.encode()) + len(data) + (ENDS if px else 1)
        if self._counts_bytes and size > shard.max_bytes:
            raise InvalidArgumentError(
                f"a value of {size} bytes with its key: takes {shard.max_bytes} at most"
            )
        return self._call("set", shard, (shard.capacity, shard.max_bytes, px, key, data), int)

    def _looking(self, key: str) -> Command[bool]:
        return self._call("look", self._shard(key), (key,), _is_there)

    def _looking_at_memory(self) -> Command[str | None]:
        return Command(("INFO", "memory"), self._warning)

    def _clearing(self) -> list[Command[int]]:
        return list(map(_unlink, self._shards))

    def _everywhere(self, operation: str, read: Any) -> list[Command[Any]]:
        return [self._call(operation, shard, (), partial(read, shard)) for shard in self._shards]

    def _shrinking(self) -> list[Command[list[int]]]:
        return [
            self._call("shrink", shard, (shard.capacity, shard.max_bytes), list)
            for shard in self._shards
        ]

    # Replies ---------------------------------------------------------------------------

    def _read_one(self, default: Any, reply: list[bytes | None]) -> Any:
        return default if reply[0] is None else self._value(reply[0])

    def _read_many(self, keys: Sequence[str], reply: list[bytes | None]) -> dict[str, Any]:
        found = zip(keys, reply, strict=True)
        return {key: self._value(data) for key, data in found if data is not None}

    def _value(self, data: bytes) -> Any:
        return self._codec.decode(data[1 if data[:1] == b"-" else ENDS :])

    def _read_keys(self, shard: Shard, reply: list[Any]) -> list[str]:
        flat, ended, mark = reply
        gone = set(ended)
        order = [
            Scored(key.decode(), float(score))
            for key, score in zip(flat[::2], flat[1::2], strict=True)
            if key not in gone
        ]
        return self._policy.read_order(order, float(mark or 0), shard.capacity)

    def _add_up(self, replies: Iterable[Sequence[int]]) -> EvictionStats:
        """Return the account of all shards: see lua/evict_stats.lua."""
        held = ended = hits = misses = evictions = losses = ticks = inserts = size = 0
        for there, over, tick, insert, overwrite, removed, miss, _, octets, *_, loss in replies:
            held, ended = held + max(there, 0), ended + over
            hits, misses = hits + tick - insert - overwrite, misses + miss
            evictions += insert - removed - max(there, 0)
            losses, ticks, inserts, size = (
                losses + loss,
                ticks + tick,
                inserts + insert,
                size + octets,
            )
        entries = max(held - ended, 0)
        in_bytes = size if self._counts_bytes else None
        return EvictionStats(entries, in_bytes, hits, misses, evictions, losses, ticks, inserts)

    def _warning(self, reply: dict[str, Any]) -> str | None:
        """Return what to warn of, by INFO memory: of a cluster, as one of its nodes has it."""
        rule = str(reply.get("maxmemory_policy"))
        if not reply.get("maxmemory") or not rule.startswith("allkeys"):
            return None
        return (
            f"{self!r}: the server's maxmemory-policy is {rule}, so it may evict this whole "
            "cache as one key; noeviction and volatile-* leave it alone"
        )


def _is_there(reply: list[bytes | None]) -> bool:
    return reply[0] is not None


def _unlink(shard: Shard) -> Command[int]:
    return Command(("UNLINK", *shard.keys), int, is_repeatable=True)


def _parts(keys: list[str]) -> list[list[str]]:
    return [keys[i : i + TOGETHER] for i in range(0, len(keys), TOGETHER)]
