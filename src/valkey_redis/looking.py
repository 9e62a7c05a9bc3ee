"""What the steps of a cache are, and how it looks at what is stored. No I/O here; see `filling.py`."""

import time
from collections.abc import Collection, Generator, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from valkey_redis import entry
from valkey_redis.commands import Command
from valkey_redis.entry import Found, Terms
from valkey_redis.errors import CorruptValueError
from valkey_redis.keys import CacheKeys

R = TypeVar("R")
CHUNK = 250  # entries in one command: the server serves nobody else meanwhile


class Send(NamedTuple):
    """Send these in one round trip; the result is the list of replies, or None: no server."""

    queued: list[Command[Any]]


class Load(NamedTuple):
    """Load the values of these entries, keeping the lease alive; the result is {entry: value}."""

    entries: list[str]
    token: str | None  # None: no lease, as there is no server


class Pause(NamedTuple):
    """Wait so many seconds."""

    seconds: float


Steps = Generator[Send | Load | Pause, Any, R]


@dataclass(frozen=True, slots=True)
class Looking:
    """Where the entries are, and whether a corrupt one is an error."""

    keys: CacheKeys
    throw_on_corrupt: bool

    def first(self, name: str, terms: Terms) -> Command[Found]:
        """Return the command that looks at one entry; for a tagged one, `check` must follow."""

        def read(reply: list[bytes | None]) -> Found:
            return entry.read(terms.codec, reply[1], reply[0], time.time() * 1000)

        return Command(("MGET", self.keys.epoch(name), name), read)

    def fresh(
        self, entries: Collection[str], terms: Terms
    ) -> Steps[tuple[dict[str, Any], dict[str, Found]]]:
        """Return the fresh values, and what else was found at the other entries."""
        groups = self.groups(entries)
        replies = yield Send(self.reads(groups, terms.tags))
        if replies is None:
            return {}, {}
        values = {}
        if not terms.tags:
            now, decode = b"%013d" % (time.time() * 1000), terms.codec.decode
            for (_, names), (epoch, *stored) in zip(groups, replies, strict=True):
                for name, data in zip(names, stored, strict=True):
                    payload = entry.fresh_payload(data, epoch, now)
                    if payload is None:
                        continue
                    try:
                        values[name] = decode(payload)
                    except CorruptValueError:
                        continue  # `_judge` will say so
        found = {}
        if len(values) < len(entries):
            found = yield from self._judge(groups, replies, terms, values)
            values |= {name: item.value for name, item in found.items() if item.fresh_for > 0}
        return values, found

    def look(self, entries: Collection[str], terms: Terms) -> Steps[dict[str, Found] | None]:
        """Return what lies at the entries: one round trip, if `terms.tags` are all their tags."""
        groups = self.groups(entries)
        replies = yield Send(self.reads(groups, terms.tags))
        if replies is None:
            return None
        return (yield from self._judge(groups, replies, terms, ()))

    def reads(
        self, groups: list[tuple[str, list[str]]], tags: Collection[str]
    ) -> list[Command[Any]]:
        """Return the commands that read the groups' epochs and entries, and the tags' versions."""
        reads = [Command(("MGET", epoch, *names), same) for epoch, names in groups]
        return reads + [Command(("GET", self.keys.tag(tag)), same) for tag in tags]

    def _judge(
        self,
        groups: list[tuple[str, list[str]]],
        replies: list[Any],
        terms: Terms,
        known: Collection[str],
    ) -> Steps[dict[str, Found]]:
        """Return what the entries are worth, but for the known ones."""
        now = time.time() * 1000
        found = {
            name: entry.read(terms.codec, data, epoch, now)
            for (_, names), (epoch, *stored) in zip(groups, replies, strict=False)
            for name, data in zip(names, stored, strict=True)
            if name not in known
        }
        versions = dict(zip(terms.tags, replies[len(groups) :], strict=True))
        return (yield from self.check(found, versions, terms))

    def check(
        self, found: dict[str, Found], versions: dict[str, bytes | None], terms: Terms
    ) -> Steps[dict[str, Found]]:
        """Return what was found, but for what is not valid; ask for the tags not asked for yet."""
        tags = {tag for item in found.values() for tag in item.tags or ()}
        unknown = list(tags - set(terms.tags))
        if unknown:
            replies = yield Send(self.reads([], unknown))
            versions |= dict(zip(unknown, replies or [None] * len(unknown), strict=True))
        for name, item in found.items():
            if item.corrupt and self.throw_on_corrupt:
                raise CorruptValueError(f"{name}: not what the codec wrote")
            if (terms.tags or item.tags) and not entry.carries(item, terms.tags, versions):
                found[name] = Found(item.head)
        return found

    def groups(self, entries: Iterable[str]) -> list[tuple[str, list[str]]]:
        """Split the entries into what one command may touch: one epoch, one slot, not too many."""
        by_epoch: dict[str, list[str]] = {}
        for name in entries:
            by_epoch.setdefault(self.keys.epoch(name), []).append(name)
        return [
            (epoch, names[i : i + CHUNK])
            for epoch, names in by_epoch.items()
            for i in range(0, len(names), CHUNK)
        ]


def same(reply: Any) -> Any:
    """Return the reply as it came."""
    return reply
