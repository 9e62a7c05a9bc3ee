"""The lock beside a bare EVALSHA, both drivers' locks and python-redis-lock: `make bench`.

A cycle is to take the lock and to give it back; its throughput is a ratio to two bare EVALSHA of
"return 1" with valkey-py: more is faster. A hand-off begins with the release and ends when the
one who waits has the lock. The last column says whether this package reached its target.
"""

import asyncio
import gc
import logging
import statistics
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

import redis
import valkey

from benchmarks._bench import (
    NOT_APPLICABLE,
    NOT_INSTALLED,
    OURS,
    Row,
    brief,
    options,
    paired,
    ratios,
    scene,
    table,
)
from valkey_redis import AsyncLock, AsyncValkeyClient, Lock, ValkeyClient
from valkey_redis.embedded import EmbeddedServer

HOST = "127.0.0.1"
LEASE = 30
NAME = "bench"
BASE = "2 EVALSHA, valkey-py"
PEER = "python-redis-lock"
COLUMNS = (BASE, "2 EVALSHA, redis-py", OURS, "valkey-py Lock", "redis-py Lock", PEER)
PACKAGES = ("redis", "hiredis", "valkey", "libvalkey", "python-redis-lock")
CYCLE, HAND_OFF = 0.9, 0.001
WAITING = 0.5  # seconds in which the commands of one who waits are counted


class Ways(NamedTuple):
    """How to take and to give back; what is not there is no lock."""

    take: Callable[[], Any]
    give: Callable[[], Any]
    close: Callable[[], Any]


def _bare(client: Any) -> Ways:
    sha = client.script_load("return 1")

    def call() -> None:
        client.evalsha(sha, 1, NAME)

    return Ways(call, call, client.close)


def _drivers(module: Any, port: int) -> Ways:
    client = (module.Valkey if module is valkey else module.Redis)(port=port, protocol=2)
    lock = client.lock(NAME, timeout=LEASE)
    return Ways(lock.acquire, lock.release, client.close)


def _ours(port: int) -> Ways:
    client = ValkeyClient(f"valkey://{HOST}:{port}")
    lock = Lock(client, NAME, LEASE)
    return Ways(lock.acquire, lock.release, client.close)


def _peer(port: int) -> Ways:
    client = redis.Redis(port=port, protocol=2, socket_timeout=2 * LEASE)
    lock = import_module("redis_lock").Lock(client, NAME, expire=LEASE)
    return Ways(lock.acquire, lock.release, client.close)


BARE: dict[str, Callable[[int], Ways]] = {
    BASE: lambda port: _bare(valkey.Valkey(port=port, protocol=2)),
    "2 EVALSHA, redis-py": lambda port: _bare(redis.Redis(port=port, protocol=2)),
}
LOCKS: dict[str, Callable[[int], Ways]] = {
    OURS: _ours,
    "valkey-py Lock": lambda port: _drivers(valkey, port),
    "redis-py Lock": lambda port: _drivers(redis, port),
}
if find_spec("redis_lock"):
    LOCKS[PEER] = _peer


class Bench:
    """The works on one server."""

    def __init__(self, server: EmbeddedServer, rounds: int, *, is_quick: bool) -> None:
        self._server, self._rounds = server, rounds
        self._calls = 10 if is_quick else 200
        self._hand_offs = 3 if is_quick else 50
        self._waiting = 0.02 if is_quick else WAITING
        self._admin: Any = valkey.Valkey(port=server.port)

    def run(self) -> list[Row]:
        """Do every work; return the table's rows."""
        with asyncio.Runner() as runner:
            rows = [self._cycle(), runner.run(self._acycle(runner.get_loop()))]
        rows += self._waits()
        self._admin.close()
        return rows

    # Cycles, which are timed in paired rounds --------------------------------------------------

    def _cycle(self) -> Row:
        _tell("cycle")
        every = {name: make(self._server.port) for name, make in (BARE | LOCKS).items()}
        seconds = paired({name: self._stretch(ways) for name, ways in every.items()}, self._rounds)
        for ways in every.values():
            ways.close()
        return _row("take and give back", seconds)

    def _stretch(self, ways: Ways) -> Callable[[], float]:
        def stretch() -> float:
            begun = time.perf_counter()
            for _ in range(self._calls):
                ways.take()
                ways.give()
            return (time.perf_counter() - begun) / self._calls

        return stretch

    async def _acycle(self, loop: asyncio.AbstractEventLoop) -> Row:
        _tell("cycle, async")
        port = self._server.port
        client = AsyncValkeyClient(f"valkey://{HOST}:{port}")
        async_valkey, async_redis = import_module("valkey.asyncio"), import_module("redis.asyncio")
        theirs = [async_valkey.Valkey(port=port), async_redis.Redis(port=port)]
        cycles: dict[str, Callable[[], Awaitable[None]]] = {}
        for name, bare in zip(BARE, theirs, strict=True):
            cycles[name] = _abare(bare, await bare.script_load("return 1"))
        cycles[OURS] = _acycle(AsyncLock(client, NAME, LEASE))
        for name, driver in zip(("valkey-py Lock", "redis-py Lock"), theirs, strict=True):
            cycles[name] = _acycle(driver.lock(NAME, timeout=LEASE))

        def stretch(cycle: Callable[[], Awaitable[None]]) -> Callable[[], float]:
            return lambda: asyncio.run_coroutine_threadsafe(
                _time(cycle, self._calls), loop
            ).result()

        stretches = {name: stretch(cycle) for name, cycle in cycles.items()}
        seconds = await asyncio.to_thread(paired, stretches, self._rounds)
        for closing in (client.close(), *(one.aclose() for one in theirs)):
            await closing
        return _row("take and give back, async", seconds)

    # Waiting ---------------------------------------------------------------------------------

    def _waits(self) -> list[Row]:
        _tell("hand-off")
        found = {name: self._wait(make) for name, make in LOCKS.items()}
        median = {name: brief(statistics.median(seconds)) for name, (seconds, _) in found.items()}
        slowest = {name: brief(max(seconds)) for name, (seconds, _) in found.items()}
        counts = {name: f"{commands / self._waiting:g}" for name, (_, commands) in found.items()}
        ours = statistics.median(found[OURS][0])
        return [
            Row("hand-off to one who waits, median", median, "< 1 ms", ours < HAND_OFF),
            Row("hand-off, slowest", slowest),
            Row("commands a second while waiting", counts, "0", found[OURS][1] == 0),
        ]

    def _wait(self, make: Callable[[int], Ways]) -> tuple[list[float], int]:
        owner, waiter = make(self._server.port), make(self._server.port)
        has_it, may_go = threading.Event(), threading.Event()
        got: list[float] = []

        def wait() -> None:
            for _ in range(self._hand_offs):
                may_go.wait()
                may_go.clear()
                waiter.take()
                got.append(time.perf_counter())
                waiter.give()
                has_it.set()

        thread = threading.Thread(target=wait, daemon=True)
        thread.start()
        spent, commands = [], 0
        for number in range(self._hand_offs):
            owner.take()
            may_go.set()
            # Long enough that it waits, and each time other, so that no period is met.
            time.sleep(0.02 + self._waiting / 5 * (number * 0.618 % 1))
            if number == 0:
                commands = self._count()
            begun = time.perf_counter()
            owner.give()
            has_it.wait()
            has_it.clear()
            spent.append(got[-1] - begun)
        thread.join()
        owner.close()
        waiter.close()
        return spent, commands

    def _count(self) -> int:
        """Return how many commands come while one waits."""
        self._admin.config_resetstat()
        time.sleep(self._waiting)
        stats = self._admin.info("commandstats")
        ours = {"cmdstat_config|resetstat", "cmdstat_info"}
        return sum(entry["calls"] for name, entry in stats.items() if name not in ours)


def _row(work: str, seconds: dict[str, list[float]]) -> Row:
    faster = {name: 1 / ratio for name, ratio in ratios(seconds, BASE).items()}
    cells = {name: f"{ratio:.2f}" for name, ratio in faster.items()}
    cells[BASE] = f"1 ({brief(statistics.median(seconds[BASE]))})"
    return Row(work, cells, f">= {CYCLE:g}", faster[OURS] >= CYCLE)


def _abare(client: Any, sha: str) -> Callable[[], Awaitable[None]]:
    async def cycle() -> None:
        await client.evalsha(sha, 1, NAME)
        await client.evalsha(sha, 1, NAME)

    return cycle


def _acycle(lock: Any) -> Callable[[], Awaitable[None]]:
    async def cycle() -> None:
        await lock.acquire()
        await lock.release()

    return cycle


async def _time(cycle: Callable[[], Awaitable[None]], calls: int) -> float:
    begun = time.perf_counter()
    for _ in range(calls):
        await cycle()
    return (time.perf_counter() - begun) / calls


def _tell(work: str) -> None:
    if sys.stderr.isatty():
        print(f"{work} ...", file=sys.stderr)


def main() -> None:
    """Measure, and print the table."""
    given = options(str(__doc__).partition("\n")[0])
    logging.disable(logging.CRITICAL)
    gc.freeze()  # what the imports made need not be looked at again
    begun = time.monotonic()
    with EmbeddedServer() as server:
        rows = Bench(server, given.rounds, is_quick=given.quick).run()
    fill = dict.fromkeys(COLUMNS, NOT_APPLICABLE)
    if PEER not in LOCKS:
        fill[PEER] = NOT_INSTALLED
    print(table(rows, list(COLUMNS), fill))
    if not given.markdown:
        print(f"\n{scene(PACKAGES)}; {given.rounds} rounds, {time.monotonic() - begun:.0f} s.")


if __name__ == "__main__":
    main()
