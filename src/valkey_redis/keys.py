"""Every key's shape, in one place: pure, no I/O.

| key                                  | type   | expires        | holds                      |
|--------------------------------------|--------|----------------|----------------------------|
| `{namespace}:{part}:{part}...`       | any    | as its writer says | a value named by the caller |
| `{namespace}:cache:{key}`            | string | always         | a cached value, or the lease of who loads it: see entry.py |
| `{namespace}:epoch`                  | string | always         | the version of all its cached values; gone, they are invalid |
| `{namespace}:tag:{tag}`              | string | always         | the same, of those with a tag |
| `{namespace}:limit:{{subject}}:{policy}` | string, zset | always | what a limit has admitted: see lua/limit_*.lua; or `:{{slot}}:{subject}:` |
| `{namespace}:lock:{{name}}`          | string | always         | a lock: its owner's token and fence, see lock.lua |
| `{namespace}:lock:{{name}}:fence`    | string | always         | the last fence of the lock |
| `{namespace}:lock:{{name}}:queue`    | zset   | always         | the tokens of those who wait for it |
| `{namespace}:lock:{{name}}:left:{token}` | string | always     | that this token gave up, and is not let in again |
| `{namespace}:evict:{policy}:{{name}}:values` | hash | never | a cache that evicts: values, and its account; see lua/evict_begin.lua |
| `{namespace}:evict:{policy}:{{name}}:order`, `:ends`, `:ghosts` | zset | never | its order; who ends when; who was thrown out |
| `{namespace}:session:{tag}:{handle}` | hash   | always         | a session: see session_plan.py; `{tag}` is a hash tag, its user's |
| `{namespace}:sessions:{tag}`         | zset   | always         | a user's sessions: handles by the moment they expire |

In a cluster the cached values and the epoch are spread over 256 hash tags: `{namespace}:cache:{a7}:{key}`
beside `{namespace}:epoch:{a7}`, so that a value and its epoch are read by one command, on
one node, and no node serves the epoch of all.

A *hash tag* is the text between the first `{` and the next `}` of a key: a cluster
puts all keys with one tag in one slot, so that one script or MGET may touch them.
(https://valkey.io/topics/cluster-spec/, "Hash tags")
"""

import re
from dataclasses import dataclass
from zlib import crc32

from valkey_redis.errors import InvalidArgumentError

_ESCAPED = str.maketrans({"%": "%25", ":": "%3A", "{": "%7B", "}": "%7D"})
_NAMESPACE = re.compile(r"[A-Za-z0-9_.-]+")


def escape(part: str) -> str:
    """Return `part` with the characters that separate or tag escaped, so that no two parts meet."""
    return part.translate(_ESCAPED)


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one namespace.

    `Keys("shop").key("user", 1)` is `shop:user:1`, and no other parts give that key:
    `("a:b",)` and `("a", "b")` differ. Raises InvalidArgumentError for a namespace with
    other characters than letters, digits, `_`, `.` and `-`.
    """

    namespace: str

    def __post_init__(self) -> None:
        if not _NAMESPACE.fullmatch(self.namespace):
            raise InvalidArgumentError(
                f"namespace {self.namespace!r:.60}: takes letters, digits, '_', '.' and '-'"
            )

    def key(self, *parts: str | int) -> str:
        """Return the key of the parts."""
        return ":".join((self.namespace, *(escape(str(part)) for part in parts)))

    def tagged(self, tag: str | int, *parts: str | int) -> str:
        """Return a key in the slot of `tag`: all keys with one tag share a slot.

        An empty tag would be no tag at all to the server, and is refused.
        """
        if str(tag) == "":
            raise InvalidArgumentError("tag '': takes one character or more")
        return ":".join(
            (self.namespace, f"{{{escape(str(tag))}}}", *(escape(str(p)) for p in parts))
        )

    def prefix(self, *parts: str | int) -> str:
        """Return the MATCH pattern of every key below `parts`, and of nothing else.

        The separator at its end keeps `user:1` from matching `user:10`.
        """
        return re.sub(r"([*?\[\]\\])", r"\\\1", self.key(*parts)) + ":*"


BUCKETS = 256


class CacheKeys:
    """The keys of one namespace's cache, on a cluster or not: see the table above."""

    def __init__(self, namespace: str, *, is_cluster: bool) -> None:
        self._keys = Keys(namespace)
        self.is_cluster = is_cluster
        self._prefix = self._keys.key("cache") + ":"
        self._epoch = self._keys.key("epoch")

    def entry(self, key: str) -> str:
        """Return where the value of `key` is."""
        if not self.is_cluster:
            return self._prefix + key
        return f"{self._prefix}{{{crc32(key.encode()) % BUCKETS:02x}}}:{key}"

    def epoch(self, entry: str) -> str:
        """Return where the version of all values is, in the entry's slot."""
        if not self.is_cluster:
            return self._epoch
        start = len(self._prefix)
        return f"{self._epoch}:{entry[start : start + 4]}"

    def epochs(self) -> list[str]:
        """Return every place of that version."""
        if not self.is_cluster:
            return [self._epoch]
        return [f"{self._epoch}:{{{bucket:02x}}}" for bucket in range(BUCKETS)]

    def tag(self, tag: str) -> str:
        """Return where the version of the values with a tag is."""
        return self._keys.key("tag", tag)


class LockKeys:
    """The keys of one lock, in one slot, and the channels on which its waiters are called."""

    def __init__(self, namespace: str, name: str) -> None:
        self.lock = f"{Keys(namespace).key('lock')}:{{{escape(name)}}}"
        self.fence, self.queue = f"{self.lock}:fence", f"{self.lock}:queue"

    def mark(self, token: str) -> str:
        """Return where it is noted that a token has left for good."""
        return f"{self.lock}:left:{token}"

    def channel(self, token: str) -> str:
        """Return the channel to which a waiter listens; it is no key, and cannot be one's name."""
        return f"{self.lock}:wake:{token}"
