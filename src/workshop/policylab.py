"""A lab for the server's own eviction: a real Valkey with a `maxmemory`, a policy and a workload.

Its LRU knows when a key was used by a clock that ticks once a second. A workload that was
recorded over an hour and is replayed in a second is therefore no test of it: all keys look as if
they were used at the same time. Nothing moves a live server's clock, but RESTORE may say for how
long a key has been idle. So `replay` can pretend that requests came at some rate: a use at
second t gives the key an idle time that is t seconds less than the first one's. The server then
compares and evicts as it always does, by its own code, in a small part of the time.

Beside a server whose clock ran 2 to 500 times as fast as the world's, the hit ratios at a rate
were within 0.6 points where the cache stays full for seconds, and up to 0.8 too low
where it is filled anew within one: RESTORE moves a key in the server's table, TOUCH does not.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import Any, Self

from valkey_redis import InvalidArgumentError, connect
from valkey_redis.embedded import EmbeddedServer
from valkey_redis.eviction_plan import whole

Key = str | int
POLICIES = (
    "noeviction allkeys-lru allkeys-lfu allkeys-random "
    "volatile-lru volatile-lfu volatile-random volatile-ttl"
).split()
LONG_AGO = 9_000_000  # seconds: the idle time of a use in the first second that is pretended
SOON = 1_000_000  # seconds: the idle time in the last one, 92 days later, at least
TOTAL = 2_000_000  # bytes of all entries: the server's own memory varies by some thousands
SMALLEST = 500  # bytes of an entry
TOGETHER = 100  # requests between two replies


@dataclass(frozen=True, slots=True)
class Replay:
    """What became of a workload: see `PolicyLab.replay`.

    `entries` are there at the end, `used` and `limit` are bytes of the server's memory then.
    `refused` are writes that the server did not take, as it was full and evicted nothing.
    """

    policy: str
    requests: int
    hits: int
    evictions: int
    refused: int
    entries: int
    used: int
    limit: int

    @property
    def hit_ratio(self) -> float:
        """Return hits / requests, from 0 to 1."""
        return self.hits / self.requests


class PolicyLab:
    """A server of its own that has room for about so many entries; a context manager.

    The limit is what the server uses with so many in it: `maxmemory` counts its own memory too, its
    clients, tables and buffers. `samples` is `maxmemory-samples`: how many keys the server looks at to
    find one to evict. `entries` are 50 or more. Raises InvalidArgumentError for what it does not
    take, EmbeddedServerError where there is no embedded server.
    """

    def __init__(self, entries: int, *, samples: int = 5) -> None:
        self.entries = whole("entries", entries, 50)
        self._samples = whole("samples", samples, 1)
        self._server = EmbeddedServer()
        self._commands: dict[Any, bytes] = {}

    def __enter__(self) -> Self:
        self._server.start()
        try:
            self._begin_work()
        except BaseException:
            self._server.close()  # __exit__ is not called after a failure here
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.disconnect()
        self.client.close()
        self._server.close()

    def replay(
        self,
        trace: Sequence[Key],
        policy: str,
        *,
        rate: float | None = None,
        ttl: float | None = None,
    ) -> Replay:
        """Ask for each key of the trace in turn, set it if it is not there; the cache is empty at first.

        `rate` is how many requests are to come in a second, for a policy that goes by idle
        time; without it they come as fast as they can. `ttl` is what each key lives, in seconds of
        the server's real clock. Raises InvalidArgumentError for what it does not take.
        """
        _require(trace, policy, rate, ttl)
        self._begin(policy, self.limit)
        lifetime = 0 if ttl is None else round(ttl * 1000)
        self._send(self._paced(trace, lifetime, rate) if rate else self._as_it_is(trace, lifetime))
        told = self.client.info()  # all in one reply: to ask again would evict again
        return Replay(
            policy,
            requests=len(trace),
            hits=told["keyspace_hits"],
            evictions=told["evicted_keys"],
            refused=told.get("errorstat_OOM", {"count": 0})["count"],
            entries=told.get("db0", {"keys": 0})["keys"],
            used=told["used_memory"],
            limit=self.limit,
        )

    def idle_times(self) -> list[int]:
        """Return for how many seconds each key is idle, as the server sees it, least first.

        After a replay at a rate, that is since the last request. Not for LFU policies.
        """
        self.client.config_set("maxmemory", 0)  # to look takes memory too
        keys = list(self.client.scan_iter(count=1000))
        pipe = self.client.pipeline(transaction=False)
        for key in keys:
            pipe.object("idletime", key)
        found = sorted(pipe.execute())
        last = found[0] if found and found[0] >= SOON else 0
        return [idle - last for idle in found]

    def _begin_work(self) -> None:
        self.client = self._connect(decode=True)
        # A connection of the driver's, but not of its pool: what goes over it has no replies.
        self._connection: Any = self.client.connection_pool.make_connection()
        self._connection.connect()
        # Only TOUCH and RESTORE are to count as uses, once for each request.
        self._connection.send_command("CLIENT", "NO-TOUCH", "ON")
        self._connection.read_response()
        self._payload = self._dump()
        self.limit = self._find_limit()

    # The limit -----------------------------------------------------------------------

    def _find_limit(self) -> int:
        """Return the `maxmemory` at which the server holds the entries: what it uses with them."""
        self._begin("noeviction", 0)
        self._send(self._as_it_is(range(self.entries), 0))
        return int(self.client.info("memory")["used_memory"])

    def _begin(self, policy: str, limit: int) -> None:
        configure = self.client.config_set
        configure("maxmemory-samples", self._samples)
        # The server keeps sixteen candidates, by their names, also over FLUSHALL. If it must evict
        # the only key that there is, it forgets them.
        configure("maxmemory", 0)
        configure("maxmemory-policy", "allkeys-random" if policy == "noeviction" else policy)
        self.client.execute_command("FLUSHALL", "SYNC")  # what is freed later counts until then
        self.client.set("only", "", ex=1000)
        configure("maxmemory", 1)
        self.client.ping()
        configure("maxmemory", limit)
        configure("maxmemory-policy", policy)
        self.client.config_resetstat()

    # The workload --------------------------------------------------------------------

    def _as_it_is(self, trace: Sequence[Key], ttl: int) -> Iterator[bytes]:
        """Yield for each request TOUCH, which is GET without the value, and what sets it if missing.

        RESTORE is refused if the key is there, as SET NX would be, and takes a large value in
        few bytes.
        """
        for key in trace:
            if (key, ttl) not in self._commands:
                restore = self._pack("RESTORE", key, ttl, self._payload)
                self._commands[key, ttl] = self._pack("TOUCH", key) + restore
            yield self._commands[key, ttl]

    def _paced(self, trace: Sequence[Key], ttl: int, rate: float) -> Iterator[bytes]:
        """Yield for each request EXISTS, which is no use of the key, and RESTORE, which is.

        A key that was used in this second already stays as it is: to put each into its table
        anew at each use would change whom the server comes upon when it looks for a victim.
        """
        used: dict[Key, int] = {}
        for number, key in enumerate(trace):
            second = int(number / rate)
            replaces = () if used.get(key) == second else ("REPLACE",)
            used[key] = second
            if (key, ttl, replaces) not in self._commands:
                words = ("RESTORE", key, ttl, self._payload, *replaces, "IDLETIME", LONG_AGO)
                # Without its last word, the seconds, which have seven digits all the time.
                command = self._pack("EXISTS", key) + self._pack(*words)
                self._commands[key, ttl, replaces] = command.removesuffix(b"%d\r\n" % LONG_AGO)
            yield b"%b%d\r\n" % (self._commands[key, ttl, replaces], LONG_AGO - second)

    def _send(self, requests: Iterator[bytes]) -> None:
        """Send all; the server keeps its replies to itself, and counts."""
        off, on = self._pack("CLIENT", "REPLY", "OFF"), self._pack("CLIENT", "REPLY", "ON")
        while part := b"".join(islice(requests, TOGETHER)):
            self._connection.send_packed_command([off + part + on])
            self._connection.read_response()

    def _pack(self, *words: str | int | bytes) -> bytes:
        return b"".join(self._connection.pack_command(*words))

    def _connect(self, *, decode: bool) -> Any:
        return connect(self._server.config, decode_responses=decode)

    def _dump(self) -> bytes:
        client = self._connect(decode=False)
        client.set("value", "x" * max(SMALLEST, TOTAL // self.entries))
        payload: bytes = client.dump("value")
        client.close()
        return payload


def _require(trace: Sequence[Key], policy: str, rate: float | None, ttl: float | None) -> None:
    """Raise InvalidArgumentError for what a replay does not take."""
    if not trace:
        raise InvalidArgumentError("the trace is empty: takes a list of keys")
    if policy not in POLICIES:
        raise InvalidArgumentError(f"policy={policy!r:.40}: takes {', '.join(POLICIES)}")
    if ttl is not None and not ttl >= 0.001:  # noqa: PLR2004 - a millisecond
        raise InvalidArgumentError(f"ttl={ttl!r:.40}: takes seconds, 0.001 or more")
    if rate is not None and not policy.endswith("-lru"):
        raise InvalidArgumentError(f"rate={rate!r:.40}: takes a policy -lru, not {policy}")
    if rate is not None and not rate * (LONG_AGO - SOON) >= len(trace):
        raise InvalidArgumentError(f"rate={rate!r:.40}: takes requests a second, more than 0")
