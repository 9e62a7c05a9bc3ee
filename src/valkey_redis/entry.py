"""How a cached value is stored, and what a stored one is worth. Pure, no I/O.

    vc1v;1795257569469;0000051234;----------------;0000000000000;9f86d081884c7d65;00000;{"id":7}
       | fresh until   cost, us   lease            lease until   epoch            tags  the value
       kind

Text of fixed width, so that any client can show it and a script can change the lease in
place. Kinds: `v` a value, `n` None, `l` no value yet, only the lease of who loads it. `tags`
is the length in bytes of a JSON object {tag: version} that stands before the value.

Whoever invalidates an entry deletes the lease with it: the load that was under way has then
no right to store. (R. Nishtala et al., Scaling Memcache at Facebook, NSDI 2013, 3.2.1)
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic_core import from_json

from valkey_redis.codec import Codec
from valkey_redis.errors import CorruptValueError, InvalidArgumentError

HEAD = 84  # bytes
MOST_TAGS = 99_999  # bytes of all tags' names and versions
MOST_COST = 9_999_999_999  # microseconds: 2.8 hours


class Found(NamedTuple):
    """What lies at a key, as seen at one moment."""

    head: bytes = b""  # what a lease is asked with: it is granted only if this is still there
    value: Any = None
    fresh_for: float = -math.inf  # milliseconds; below 0 it is stale by so many, -inf: no value
    cost: float = 0.0  # milliseconds that its load took
    tags: Mapping[str, str] | None = None  # with the versions that it was loaded under
    corrupt: bool = False


NOTHING = Found()


def fresh_payload(data: bytes | None, epoch: bytes | None, now: bytes) -> bytes | None:
    """Return the value's bytes if it is fresh and untagged, else None: `read` looks closer then.

    The quick way, for the commonest case; `now` is the time as the header writes it.
    """
    if (
        data is not None
        and data[:4] == b"vc1v"
        and data[61:77] == epoch
        and data[5:18] > now
        and data[5:18].isdigit()
        and data[78:HEAD] == b"00000;"
    ):
        return data[HEAD:]
    return None


def read(codec: Codec[Any], data: bytes | None, epoch: bytes | None, now: float) -> Found:
    """Return what the bytes are worth at `now` (milliseconds since 1970); bad ones are nothing.

    The tags' versions are for the caller to compare.
    """
    if data is None:
        return NOTHING
    head = data[:HEAD]
    kind = data[:4]
    if kind == b"vc1l" or (kind in {b"vc1v", b"vc1n"} and data[61:77] != epoch):
        return Found(head)
    if kind not in {b"vc1v", b"vc1n"} or len(head) < HEAD:
        return Found(head, corrupt=True)
    try:
        fresh_for, cost = int(data[5:18]) - now, int(data[19:29]) / 1000
        start = HEAD + int(data[78:83])
        tags = _tags(data[HEAD:start]) if start > HEAD else None
        value = codec.decode(data[start:]) if kind == b"vc1v" else None
        return Found(head, value, fresh_for, cost, tags)
    except (ValueError, CorruptValueError):
        return Found(head, corrupt=True)


def _tags(data: bytes) -> dict[str, str]:
    tags: dict[str, str] = from_json(data)
    if not isinstance(tags, dict) or not all(isinstance(item, str) for item in tags.values()):
        raise ValueError
    return tags


def parcel(value: Any, terms: "Terms", dice: float, cost: int, tags: bytes) -> bytes:
    """Return what `fill.lua` makes an entry of: kind, lifetimes, cost, tags and value.

    `cost` is in microseconds, `tags` the JSON of {tag: version}. Raises InvalidArgumentError
    for a value that the codec does not take, and for too many tags.
    """
    if len(tags) > MOST_TAGS:
        raise InvalidArgumentError(f"{len(tags)} bytes of tags: takes at most {MOST_TAGS}")
    fresh, kept = terms.of(value, dice)
    kind, body = (b"n", b"") if value is None else (b"v", terms.codec.encode(value))
    cost = min(cost, MOST_COST)
    return b"%b%015d%015d%010d%05d;%b%b" % (kind, fresh, kept, cost, len(tags), tags, body)


def carries(found: Found, wanted: Collection[str], versions: Mapping[str, bytes | None]) -> bool:
    """Return whether the entry has the wanted tags, and all its tags still have their versions."""
    tags = found.tags or {}
    if not all(tag in tags for tag in wanted):
        return False
    return all(versions.get(tag) == version.encode() for tag, version in tags.items())


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms a value is cached; the times in milliseconds.

    `jitter` is the fraction by which a lifetime may be shorter, so that what was stored
    together does not expire together. `beta` is XFetch's: 0 never refreshes early, 1 is the
    paper's optimum, more is earlier.
    """

    ttl: int
    negative_ttl: int
    stale_ttl: int
    jitter: float
    beta: float
    codec: Codec[Any]
    tags: tuple[str, ...] = ()

    def of(self, value: Any, dice: float) -> tuple[int, int]:
        """Return how long the value is fresh, and how long it is kept; `dice` is in [0, 1)."""
        ttl = self.negative_ttl if value is None else self.ttl
        fresh = max(1, math.ceil(ttl * (1 - self.jitter * dice)))
        return fresh, fresh + self.stale_ttl

    def is_due(self, found: Found, dice: float) -> bool:
        """Return whether a fresh value should be loaded anew already, at a chance.

        The longer the load takes and the nearer the end is, the likelier; `dice` is in [0, 1).
        (A. Vattani et al., Optimal Probabilistic Cache Stampede Prevention, VLDB 2015)
        """
        return found.cost * self.beta * -math.log(1 - dice) >= found.fresh_for

    def may_be_due(self, found: Found) -> bool:
        """Return whether any dice at all could make it due: a double's logarithm ends at 37."""
        return found.cost * self.beta * 37 >= found.fresh_for
