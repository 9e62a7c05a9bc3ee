"""Five limiters beside a bare EVALSHA and two peers: `make bench`.

Throughput as a ratio to a bare EVALSHA of "return 1" with valkey-py: more is faster, 1 would be
a limiter that costs nothing. The last column says whether this package reached its target.
"""

import asyncio
import gc
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

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
from benchmarks._limiters import BASE, CONTENDERS, POLICIES, Call, is_admitted
from valkey_redis import ValkeyClient
from valkey_redis.embedded import EmbeddedServer

PACKAGES = ("redis", "hiredis", "valkey", "libvalkey", "limits", "throttled-py")
TASKS = 50
TARGETS = {"fixed window": 0.8, "GCRA": 0.8, "sliding log": 0.7}
TARGET_OF_TASKS = 2.0
Stretch = Callable[[], float]


class Bench:
    """The works on one server; `calls` is how often a stretch calls what it times."""

    def __init__(self, server: EmbeddedServer, rounds: int, *, is_quick: bool) -> None:
        self._server, self._rounds = server, rounds
        self._calls = 10 if is_quick else 300
        self._admin = ValkeyClient(server.config)

    def run(self) -> list[Row]:
        """Do every work; return the table's rows."""
        self._admin.raw.execute_command("SCRIPT LOAD", "return 1")
        rows = [self._sync(work) for work in POLICIES]
        with asyncio.Runner() as runner:
            for is_at_once in (False, True):
                rows += [runner.run(self._prepare(work, is_at_once)) for work in POLICIES]
        self._admin.close()
        return rows

    def _faces(self, *, is_async: bool) -> dict[str, Any]:
        return {
            name: contender.make(self._server.port, is_async)
            for name, contender in CONTENDERS.items()
            if contender.is_installed
        }

    def _sync(self, work: str) -> Row:
        _tell(work)
        faces = self._faces(is_async=False)
        calls = {name: face.call(work) for name, face in faces.items()}
        stretches = {name: self._stretch(call) for name, call in calls.items() if call is not None}
        row = _row(work, paired(stretches, self._rounds), TARGETS.get(work))
        for face in faces.values():
            face.close()
        return row

    def _stretch(self, call: Call) -> Stretch:
        _check(call())

        def stretch() -> float:
            begun = time.perf_counter()
            for _ in range(self._calls):
                call()
            return (time.perf_counter() - begun) / self._calls

        return stretch

    async def _prepare(self, work: str, is_at_once: bool) -> Row:
        what = f"{work}, {TASKS} tasks" if is_at_once else f"{work}, async"
        _tell(what)
        faces = self._faces(is_async=True)
        calls = {name: face.call(work) for name, face in faces.items()}
        seconds: dict[str, list[float]] = {name: [] for name in calls if calls[name] is not None}
        for name in seconds:
            _check(await calls[name]())
        # As `paired` does, for coroutines of one loop.
        for number in range(self._rounds + 1):
            gc.collect()
            for name in list(seconds)[:: 1 if number % 2 else -1]:
                spent = await self._astretch(calls[name], is_at_once)
                if number:
                    seconds[name].append(spent)
        for face in faces.values():
            closing = face.close()
            if closing is not None:
                await closing
        return _row(what, seconds, TARGET_OF_TASKS if is_at_once else None)

    async def _astretch(self, call: Call, is_at_once: bool) -> float:
        times = self._calls // TASKS + 1 if is_at_once else self._calls
        begun = time.perf_counter()
        for _ in range(times):
            if is_at_once:
                await asyncio.gather(*[call() for _ in range(TASKS)])
            else:
                await call()
        return (time.perf_counter() - begun) / times / (TASKS if is_at_once else 1)


def _row(work: str, seconds: dict[str, list[float]], target: float | None) -> Row:
    faster = {name: 1 / ratio for name, ratio in ratios(seconds, BASE).items()}
    cells = {name: f"{ratio:.2f}" for name, ratio in faster.items()}
    cells[BASE] = f"1 ({brief(statistics.median(seconds[BASE]))})"
    if target is None:
        return Row(work, cells)
    return Row(work, cells, f">= {target:g}", faster[OURS] >= target)


def _check(answer: Any) -> None:
    """Refuse to time a contender that does not admit."""
    if not is_admitted(answer):
        raise AssertionError(f"not admitted: {answer!r:.60}")


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
    fill = {
        name: NOT_APPLICABLE if contender.is_installed else NOT_INSTALLED
        for name, contender in CONTENDERS.items()
    }
    print(table(rows, list(CONTENDERS), fill))
    if not given.markdown:
        print(f"\n{scene(PACKAGES)}; {given.rounds} rounds, {time.monotonic() - begun:.0f} s.")


if __name__ == "__main__":
    main()
