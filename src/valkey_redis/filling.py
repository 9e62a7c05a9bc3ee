"""How a cache reads and fills, as steps: what to send next, given what came back. No I/O here.

Each function is a generator. It yields what is to be done, gets the result, and returns its
answer; a face of the cache (`cache.py`) does the doing, with threads or with tasks. So the
protocol stands here once, and can be read from top to bottom.

A load runs under a lease: the right to fill an entry, taken in one step with a look at what
lies there. Whoever does not get it waits. A fill is stored only if its lease still holds.
"""

import itertools
import math
import random
import secrets
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic_core import to_json

from valkey_redis import commands, entry, scripts
from valkey_redis.commands import Command
from valkey_redis.entry import Found, Terms
from valkey_redis.looking import Load, Looking, Pause, Send, Steps, same

SHORTEST_PAUSE = 0.005  # seconds
# A waiter looks again after a fifth of the time that it has waited already: never late by
# more than that, and 40 looks are enough for a load of ten seconds.
PATIENCE = 0.2
GRANTED, CHANGED = 0, -1
# Of one lease, each after a third of it; a load that takes longer is given up by those who wait.
RENEWALS = 12


class Answer(NamedTuple):
    """A value, and up to which tick a caller may have come to share it.

    The server has confirmed at `as_of` that nothing was invalidated since the value was
    loaded. A caller who came later may have come after an invalidation, and asks anew.
    """

    value: Any
    as_of: float
    is_loaded: bool = True
    is_stored: bool = False


TICKS = itertools.count()  # the order of events in this process
NEVER, EVER = -math.inf, math.inf


@dataclass(frozen=True, slots=True)
class Plan(Looking):
    """What every call on one cache has in common; `lease` in milliseconds."""

    lease: int
    dice: random.Random

    def fetch(
        self,
        entries: Iterable[str],
        terms: Terms,
        seen: Mapping[str, Found] | None = None,
        *,
        is_forced: bool = False,
    ) -> Steps[dict[str, Answer]]:
        """Return the values of the entries: stored by others, or loaded and stored by us.

        `seen` is what a look found already, for which a lease is then asked at once. With
        `is_forced` no stored value will do.
        """
        answers: dict[str, Answer] = {}
        # What lies at each entry that is not settled yet; None: to be looked at.
        heads: dict[str, bytes | None] = {
            name: seen[name].head if seen else None for name in entries
        }
        waited = 0.0
        while heads:
            unseen = [name for name, head in heads.items() if head is None]
            if unseen:
                as_of = next(TICKS)
                found = yield from self.look(unseen, terms)
                if found is None:
                    return answers | (yield from self._load_alone(heads))
                for name, item in found.items():
                    heads[name] = item.head
                    if item.fresh_for > 0 and not is_forced:
                        answers[name] = Answer(item.value, as_of, is_loaded=False)
                        del heads[name]
                continue
            token = secrets.token_hex(8)
            grants = yield from self._ask(heads, token, terms)
            if grants is None:
                return answers | (yield from self._load_alone(heads))
            led = {name: epoch for name, (epoch, grant) in grants.items() if grant == GRANTED}
            if led:
                answers |= yield from self._load_and_fill(led, token, terms)
            heads = {
                name: None if grants[name][1] == CHANGED else head
                for name, head in heads.items()
                if name not in led
            }
            if not led and None not in heads.values():
                soonest = min(grant for _, grant in grants.values()) / 1000
                pause = min(max(SHORTEST_PAUSE, waited * PATIENCE), soonest + SHORTEST_PAUSE)
                yield Pause(pause)
                waited += pause
        return answers

    def refresh(self, name: str, found: Found, terms: Terms) -> Steps[Answer | None]:
        """Load and store anew while the old value is served; None if somebody else does."""
        token = secrets.token_hex(8)
        grants = yield from self._ask({name: found.head}, token, terms)
        if grants is None or grants[name][1] != GRANTED:
            return None
        led, ends = {name: grants[name][0]}, time.time() * 1000 + found.fresh_for + terms.stale_ttl
        try:
            return (yield from self._load_and_fill(led, token, terms, is_released=False))[name]
        except BaseException:
            # A failed load keeps its lease: nobody tries again until it ends, or until the
            # old value does, as nobody else is to wait for a load that is over.
            length = max(0, min(self.lease, int(ends - time.time() * 1000)))
            yield Send([self.renewal([name], token, length)])
            raise

    def replace(self, name: str, terms: Terms) -> Steps[Answer]:
        """Write to the database (that is the load), then store what was written.

        The lease is taken from whoever has it. Of two writers the first has lost it by the
        time it is done, and deletes instead: which of the two the database kept, it cannot know.
        """
        token = secrets.token_hex(8)
        grants = yield from self._ask({name: b"*"}, token, terms)
        led = {name: grants[name][0] if grants else ""}
        try:
            answer = (yield from self._load_and_fill(led, token, terms))[name]
        except BaseException:
            yield Send(unlink([name]))  # it may have been written for all that
            raise
        if not answer.is_stored:
            yield Send(unlink([name]))
        return answer

    def put(self, values: Mapping[str, Any], terms: Terms) -> Steps[bool]:
        """Store the values whatever is there; return whether the server has them."""
        versions = yield from self._versions(terms)
        stored = yield from self._fill(
            values, epochs={}, token="", cost=0.0, terms=terms, versions=versions
        )
        if stored is None:
            yield Send(unlink(values))  # what is there is older than the value that it lacks
        return stored is not None

    # The parts of the above ------------------------------------------------------------

    def _load_alone(self, entries: Iterable[str]) -> Steps[dict[str, Answer]]:
        """Load without the server; invalidations cannot be told to it either."""
        values = yield Load(list(entries), None)
        return {name: Answer(value, EVER) for name, value in values.items()}

    def _load_and_fill(
        self,
        led: Mapping[str, str],
        token: str,
        terms: Terms,
        *,
        is_released: bool = True,
    ) -> Steps[dict[str, Answer]]:
        # Read before the load begins: a tag invalidated meanwhile has another version then.
        versions = yield from self._versions(terms)
        began, begun = next(TICKS), time.perf_counter()
        try:
            values = yield Load(list(led), token)
            cost = (time.perf_counter() - begun) * 1e6 / max(len(values), 1)
            as_of = next(TICKS)
            stored = yield from self._fill(
                values, epochs=led, token=token, cost=cost, terms=terms, versions=versions
            )
        except BaseException:
            if is_released:
                yield Send([self.renewal(names, token, 0) for _, names in self.groups(led)])
            raise
        # Unloaded: the loader of many did not give these.
        missing = [name for name in led if name not in values]
        if missing:
            yield Send([self.renewal(names, token, 0) for _, names in self.groups(missing)])
        if stored is None:  # and so nobody can say what was invalidated since the load began
            return {name: Answer(value, began) for name, value in values.items()}
        return {
            name: Answer(value, as_of if stored[name] else NEVER, is_stored=stored[name])
            for name, value in values.items()
        }

    def _ask(
        self, heads: Mapping[str, bytes | None], token: str, terms: Terms
    ) -> Steps[dict[str, tuple[str, int]] | None]:
        """Ask for leases; return {entry: (epoch, grant)}."""
        script = scripts.load("lease")
        fixed = (token, self.lease, secrets.token_hex(8), self._longest(terms))
        groups = self.groups(heads)
        replies = yield Send(
            [
                commands.call(script, (epoch, *names), (*fixed, *(heads[n] for n in names)), same)
                for epoch, names in groups
            ]
        )
        if replies is None:
            return None
        return {
            name: (epoch.decode(), grant)
            for (epoch, *grants), (_, names) in zip(replies, groups, strict=True)
            for name, grant in zip(names, grants, strict=True)
        }

    def _fill(
        self,
        values: Mapping[str, Any],
        *,
        epochs: Mapping[str, str],
        token: str,
        cost: float,
        terms: Terms,
        versions: Mapping[str, str],
    ) -> Steps[dict[str, bool] | None]:
        script = scripts.load("fill")
        groups = self.groups(values)
        tags = to_json(versions) if versions else b""
        queued = []
        for place, names in groups:
            epoch = epochs[names[0]] if token else secrets.token_hex(8)
            parcels = (
                entry.parcel(values[name], terms, self.dice.random(), int(cost), tags)
                for name in names
            )
            args = (token, epoch, self._longest(terms), *parcels)
            queued.append(commands.call(script, (place, *names), args, same))
        # A tag that was invalidated meanwhile took no lease away: what was stored is not
        # valid, and nobody who came since then may share it.
        checked = versions if token else {}
        replies = yield Send(queued + self.reads([], checked))
        if replies is None:
            return None
        is_valid = replies[len(groups) :] == [version.encode() for version in checked.values()]
        return {
            name: bool(stored) and is_valid
            for reply, (_, names) in zip(replies, groups, strict=False)
            for name, stored in zip(names, reply, strict=True)
        }

    def _versions(self, terms: Terms) -> Steps[dict[str, str]]:
        """Return the tags' versions, made where there are none, to live as long as the value."""
        if not terms.tags:
            return {}
        longest = self._longest(terms)
        queued: list[Command[Any]] = []
        for tag in terms.tags:
            key = self.keys.tag(tag)
            fresh = secrets.token_hex(8)
            queued += [
                Command(("SET", key, fresh, "NX", "PX", longest), same),
                Command(("PEXPIRE", key, longest, "GT"), same),
                Command(("GET", key), same),
            ]
        replies = yield Send(queued)
        if replies is None:
            return dict.fromkeys(terms.tags, "")
        # One that is gone again was invalidated just now: no version equals none.
        return {
            tag: (reply or b"").decode()
            for tag, reply in zip(terms.tags, replies[2::3], strict=True)
        }

    def renewal(self, entries: Collection[str], token: str, length: int) -> Command[int]:
        """Prolong leases of one slot by `length` milliseconds from now, or end them with 0."""
        return commands.call(scripts.load("renew"), list(entries), (token, length), int)

    def renewals(self, entries: Collection[str], token: str) -> list[Command[int]]:
        """Prolong leases by their full length."""
        return [self.renewal(names, token, self.lease) for _, names in self.groups(entries)]

    def _longest(self, terms: Terms) -> int:
        # The load comes first, which may take as long as its lease is renewed.
        loading = (RENEWALS // 3 + 1) * self.lease
        return max(terms.ttl, terms.negative_ttl) + terms.stale_ttl + loading


def unlink(keys: Iterable[str]) -> list[Command[int]]:
    """Delete keys, and any lease that lies there."""
    return [Command(("UNLINK", key), int) for key in keys]
