"""Caches that evict, beside plain GET and SET and a peer: `make bench`.

Throughput as a ratio to valkey-py's GET and SET, which evict nothing: more is faster. Then what
an entry takes in memory, and what each policy hits, beside its reference: there, only the same
figure is right.
"""

import gc
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from itertools import count
from typing import Any

import redis
import valkey

from benchmarks._bench import NOT_INSTALLED, OURS, Row, brief, options, paired, ratios, scene, table
from valkey_redis import (
    FIFOCache,
    LFUCache,
    LIFOCache,
    LRUCache,
    MRUCache,
    S3FIFOCache,
    SIEVECache,
    ValkeyClient,
    simulate,
)
from valkey_redis.embedded import HOST, EmbeddedServer

PACKAGES = ("redis", "hiredis", "valkey", "libvalkey", "redis-func-cache")
BASE, OTHER, REFERENCE, PEER = (
    "GET/SET, valkey-py",
    "GET/SET, redis-py",
    "simulator",
    "redis-func-cache",
)
COLUMNS = (BASE, OTHER, REFERENCE, OURS, PEER)
VALUE = "x" * 200
HALF_LIFE = 10_000  # uses
CACHES: dict[str, tuple[Callable[..., Any], Callable[[int], simulate.Policy]]] = {
    "FIFO": (FIFOCache, simulate.FIFO),
    "LIFO": (LIFOCache, simulate.LIFO),
    "LRU": (LRUCache, simulate.LRU),
    "MRU": (MRUCache, simulate.MRU),
    "LFU": (LFUCache, simulate.LFU),
    "aged LFU": (
        partial(LFUCache, half_life=HALF_LIFE),
        partial(simulate.AgedLFU, half_life=HALF_LIFE),
    ),
    "SIEVE": (SIEVECache, simulate.SIEVE),
    "S3-FIFO": (S3FIFOCache, simulate.S3FIFO),
}
PEERS = {"FIFO": "FifoPolicy", "LRU": "LruPolicy", "MRU": "MruPolicy", "LFU": "LfuPolicy"}
TARGET_OF_HITS, TARGET_OF_SETS = 0.70, 0.55  # of LRU
Load = Callable[[str], Any]


class Bench:
    """The works on one server."""

    def __init__(self, server: EmbeddedServer, rounds: int, *, is_quick: bool) -> None:
        self._rounds = rounds
        self._calls, self._capacity, self._requests = (
            (10, 20, 200) if is_quick else (300, 1000, 20_000)
        )
        self._client = ValkeyClient(server.config)
        self._raw: Any = valkey.Valkey(host=HOST, port=server.port)
        self._redis: Any = redis.Redis(host=HOST, port=server.port)
        self._fresh = map("new{}".format, count())

    def run(self) -> list[Row]:
        """Do every work; return the table's rows."""
        rows = []
        for work in (self._hit, self._set, self._miss):
            for policy in CACHES:
                self._raw.execute_command("FLUSHALL", "SYNC")
                _tell(f"{work.__name__} {policy}")
                rows.append(work(policy))
        rows += [self._memory(policy) for policy in CACHES]
        rows += [self._hit_ratio(policy) for policy in CACHES]
        self._client.close()
        self._raw.close()
        self._redis.close()
        return rows

    # Contenders --------------------------------------------------------------------------

    def _full(self, policy: str) -> Any:
        """Return a cache of ours that is full."""
        cache = CACHES[policy][0](self._client, "bench", self._capacity)
        for number in range(self._capacity):
            cache.set(f"key{number}", VALUE)
        return cache

    def _peer(self, policy: str) -> Load | None:
        """Return the peer's cached function, that returns what it is called with if it is a miss."""
        if policy not in PEERS or not find_spec("redis_func_cache"):
            return None
        peer = import_module("redis_func_cache")
        cache = peer.RedisFuncCache(
            f"bench-{policy}",
            getattr(peer, PEERS[policy])(),
            client=self._redis,
            maxsize=self._capacity,
        )

        def load(key: str) -> str:
            self._loads.append(key)
            return VALUE

        self._loads: list[str] = []
        cached: Load = cache(load)
        return cached

    # Works -------------------------------------------------------------------------------

    def _hit(self, policy: str) -> Row:
        cache, peer = self._full(policy), self._peer(policy)
        self._raw.set("plain", VALUE)
        works: dict[str, Callable[[], Any]] = {
            BASE: lambda: self._raw.get("plain"),
            OTHER: lambda: self._redis.get("plain"),
            OURS: lambda: cache.get("key7"),
        }
        if peer:
            peer("key7")
            works[PEER] = lambda: peer("key7")
        return self._row(f"{policy}: a hit", works, TARGET_OF_HITS if policy == "LRU" else None)

    def _set(self, policy: str) -> Row:
        cache = self._full(policy)
        works: dict[str, Callable[[], Any]] = {
            BASE: lambda: self._raw.set("plain", VALUE),
            OTHER: lambda: self._redis.set("plain", VALUE),
            OURS: lambda: cache.set(next(self._fresh), VALUE),
        }
        target = TARGET_OF_SETS if policy == "LRU" else None
        return self._row(f"{policy}: a set that evicts", works, target)

    def _miss(self, policy: str) -> Row:
        cache, peer = self._full(policy), self._peer(policy)

        def plain(raw: Any) -> None:
            if raw.get(key := next(self._fresh)) is None:
                raw.set(key, VALUE, px=60_000)

        def ours() -> None:
            if cache.get(key := next(self._fresh)) is None:
                cache.set(key, VALUE)

        works: dict[str, Callable[[], Any]] = {
            BASE: lambda: plain(self._raw),
            OTHER: lambda: plain(self._redis),
            OURS: ours,
        }
        if peer:
            for number in range(self._capacity):
                peer(f"key{number}")
            works[PEER] = lambda: peer(next(self._fresh))
        return self._row(f"{policy}: a miss, filled", works)

    def _row(
        self, work: str, works: dict[str, Callable[[], Any]], target: float | None = None
    ) -> Row:
        seconds = paired(
            {n: partial(self._stretch, call) for n, call in works.items()}, self._rounds
        )
        faster = {name: 1 / ratio for name, ratio in ratios(seconds, BASE).items()}
        cells = {name: f"{ratio:.2f}" for name, ratio in faster.items()}
        cells[BASE] = f"1 ({brief(statistics.median(seconds[BASE]))})"
        if target is None:
            return Row(work, cells)
        return Row(work, cells, f">= {target:g}", faster[OURS] >= target)

    def _stretch(self, call: Callable[[], Any]) -> float:
        begun = time.perf_counter()
        for _ in range(self._calls):
            call()
        return (time.perf_counter() - begun) / self._calls

    def _memory(self, policy: str) -> Row:
        """Measure what an entry takes, of 200 bytes under a key of about 8."""
        cells = {}
        for name in (BASE, OURS, PEER):
            self._raw.execute_command("FLUSHALL", "SYNC")
            peer = self._peer(policy)
            before = self._used()
            if name == BASE:
                for number in range(self._capacity):
                    self._raw.set(f"key{number}", VALUE)
            elif name == OURS:
                self._full(policy)
            elif peer:
                for number in range(self._capacity):
                    peer(f"key{number}")
            else:
                continue
            cells[name] = f"{(self._used() - before) / self._capacity:.0f} B"
        return Row(f"{policy}: memory an entry", cells)

    def _used(self) -> int:
        used: int = self._raw.info("memory")["used_memory"]
        return used

    def _hit_ratio(self, policy: str) -> Row:
        """Replay requests by Zipf's law for ten times as many keys as there is room for."""
        self._raw.execute_command("FLUSHALL", "SYNC")
        make, simulated = CACHES[policy]
        reference = simulated(self._capacity)
        cache, peer = make(self._client, "bench", self._capacity), self._peer(policy)
        trace = [str(key) for key in simulate.WORKLOADS["zipf"](self._requests, 42)]
        hits = [0, 0, 0]
        for key in trace:
            hits[0] += reference.access(key)
            if cache.get(key) is None:
                cache.set(key, 1)
            else:
                hits[1] += 1
            if peer:
                peer(key)
        cells = {REFERENCE: _percent(hits[0], trace), OURS: _percent(hits[1], trace)}
        if peer:
            cells[PEER] = _percent(len(trace) - len(self._loads), trace)
        return Row(f"{policy}: hits, zipf", cells, "= simulator", hits[0] == hits[1])


def _percent(hits: int, trace: list[str]) -> str:
    return f"{100 * hits / len(trace):.2f} %"


def _tell(work: str) -> None:
    if sys.stderr.isatty():
        print(f"{work} ...", file=sys.stderr)


def main() -> None:
    """Measure, and print the table."""
    given = options(str(__doc__).partition("\n")[0])
    gc.freeze()  # what the imports made need not be looked at again
    begun = time.monotonic()
    with EmbeddedServer() as server:
        rows = Bench(server, given.rounds, is_quick=given.quick).run()
    fill = {} if find_spec("redis_func_cache") else {PEER: NOT_INSTALLED}
    print(table(rows, COLUMNS, fill))
    if not given.markdown:
        print(f"\n{scene(PACKAGES)}; {given.rounds} rounds, {time.monotonic() - begun:.0f} s.")


if __name__ == "__main__":
    main()
