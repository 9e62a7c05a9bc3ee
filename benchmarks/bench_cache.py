"""The cache beside two bare drivers and three peers: `make bench`.

Ratios are to the bare redis-py of the same face, doing the same by hand; less is faster. The
last column says whether this package reached its target. Nothing is written anywhere.
"""

import asyncio
import gc
import json
import logging
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

from benchmarks import _mishaps
from benchmarks._bench import (
    NOT_APPLICABLE,
    NOT_INSTALLED,
    OURS,
    Row,
    options,
    paired,
    ratio_row,
    scene,
    table,
)
from benchmarks._caches import CONTENDERS, competing
from benchmarks._stampede import LOAD, Callers
from valkey_redis import ValkeyClient
from valkey_redis.embedded import EmbeddedServer

BASE = "redis-py"
PACKAGES = ("redis", "hiredis", "valkey", "libvalkey", "cashews", "aiocache", "dogpile.cache")
NO_TIMEOUT = 10.0  # seconds; for works in which nothing goes wrong
TASKS = 50
MANY = 1_000
VALUE = {"id": 7, "name": "Ada Lovelace", "tags": ["mathematics", "poetry"], "text": "x" * 120}
assert len(json.dumps(VALUE)) == 200  # noqa: S101, PLR2004 - bytes, as the table says

Stretch = Callable[[], float]


class Bench:
    """The works on one server; `calls` is how often a stretch calls what it times."""

    def __init__(self, server: EmbeddedServer, rounds: int, *, is_quick: bool) -> None:
        self._server = server
        self._rounds = rounds
        self._is_quick = is_quick
        self._calls = 10 if is_quick else 200
        self._many = {f"many:{i}": VALUE for i in range(10 if is_quick else MANY)}
        self._admin = ValkeyClient(server.config)

    def run(self) -> list[Row]:
        """Do every work; return the table's rows."""
        processes = 1 if self._is_quick else 2
        with Callers(self._server.port, processes) as callers, asyncio.Runner() as runner:
            if not self._is_quick:
                callers.wait()
            rows = self._timed(runner) + self._old_values(runner)
            if self._is_quick:
                callers.wait()
            rows[-2:-2] = [self._stampede(callers, is_async=a) for a in (False, True)]
        rows[-2:-2] = [self._hung(is_async=a) for a in (False, True)]
        self._admin.close()
        return rows

    def _faces(self, *, is_async: bool) -> dict[str, Any]:
        return {
            name: contender.make(self._server.port, NO_TIMEOUT, is_async=is_async)
            for name, contender in competing(is_async=is_async).items()
        }

    # Works that are timed, in paired rounds ----------------------------------------------------

    def _timed(self, runner: asyncio.Runner) -> list[Row]:
        sync = self._faces(is_async=False)
        hits = {name: _hit(cache, self._calls) for name, cache in sync.items()}
        rows = [self._row("decorated hit, 200 B", hits, 1.0)]

        asyn = runner.run(self._afaces())
        calls = {name: runner.run(_ahit(cache)) for name, cache in asyn.items()}
        one_by_one = {
            name: _in(runner, _one_by_one, call, self._calls) for name, call in calls.items()
        }
        rows.append(self._row("decorated hit, async", one_by_one, 1.15))
        at_once = {
            name: _in(runner, _at_once, call, self._calls // TASKS + 1)
            for name, call in calls.items()
        }
        rows.append(self._row(f"decorated hit, {TASKS} tasks", at_once, 0.25))

        for work, method, given, target in (
            (f"set_many of {len(self._many):,}", "set_many", self._many, 0.5),
            (f"get_many of {len(self._many):,}", "get_many", list(self._many), 0.6),
            (f"warm of {len(self._many):,}", "warm", self._many, 0.5),
        ):
            empties = self._empty if method == "warm" else _nothing
            many = {
                name: _once(getattr(cache, method), given, empties)
                for name, cache in sync.items()
                if hasattr(cache, method)
            }
            rows.append(self._row(work, many, target))
            many = {
                name: _in(runner, _aonce, getattr(cache, method), given, empties)
                for name, cache in asyn.items()
                if hasattr(cache, method)
            }
            rows.append(self._row(f"{work}, async", many, target))

        _close(runner, [*sync.values(), *asyn.values()])
        return rows

    async def _afaces(self) -> dict[str, Any]:
        return self._faces(is_async=True)

    def _row(self, work: str, stretches: dict[str, Stretch], target: float) -> Row:
        _tell(work)
        return ratio_row(work, paired(stretches, self._rounds), BASE, target)

    def _empty(self) -> None:
        self._admin.raw.execute_command("FLUSHALL")

    # Works that are counted or just done ---------------------------------------------------------

    def _stampede(self, callers: Callers, *, is_async: bool) -> Row:
        work = f"stampede, {callers} " + ("tasks" if is_async else "threads")
        _tell(work)
        first = 2_000 if is_async else 1_000
        numbers = range(first, first + (1 if self._is_quick else 5))
        self._empty()
        found = {
            name: callers.stampede(name, is_async=is_async, numbers=numbers)
            for name in competing(is_async=is_async)
        }
        ours = found[OURS]
        is_met = ours.loads == 1 and ours.wall <= 1.3 * LOAD and ours.commands < 25  # noqa: PLR2004 - the target
        cells = {name: str(stampede) for name, stampede in found.items()}
        return Row(f"{work}: loads; wall; commands", cells, "1; <= 1.3 x; < 25", is_met)

    def _hung(self, *, is_async: bool) -> Row:
        work = "server hung" + ", async" * is_async
        _tell(work)
        timeout, patience = (0.05, 0.2) if self._is_quick else (0.5, _mishaps.PATIENCE)
        found = _mishaps.hung(self._server, is_async=is_async, timeout=timeout, patience=patience)
        ours = found[OURS]
        is_met = (
            ours.first is not None
            and ours.first < 1.2 * timeout
            and ours.following is not None
            and ours.following < 0.001  # noqa: PLR2004 - the target
            and not ours.raises
        )
        cells = {name: str(result) for name, result in found.items()}
        return Row(f"{work}, timeout {timeout} s", cells, "one timeout, then < 1 ms", is_met)

    def _old_values(self, runner: asyncio.Runner) -> list[Row]:
        rows = []
        for is_async in (False, True):
            work = "old value stays after an invalidation" + ", async" * is_async
            _tell(work)
            caches = runner.run(self._afaces()) if is_async else self._faces(is_async=False)
            found = {}
            for name, cache in caches.items():
                self._empty()
                if is_async:
                    found[name] = runner.run(_mishaps.akeeps_old(cache))
                else:
                    found[name] = _mishaps.keeps_old(cache)
            _close(runner, caches.values())
            cells = {name: "yes" if stays else "no" for name, stays in found.items()}
            rows.append(Row(work, cells, "no", not found[OURS]))
        return rows


# Stretches: what is timed, in seconds for each call ---------------------------------------------


def _load(number: int) -> dict[str, Any]:
    return VALUE | {"id": number}


async def _aload(number: int) -> dict[str, Any]:
    return VALUE | {"id": number}


def _hit(cache: Any, calls: int) -> Stretch:
    call = cache.cached(_load).call
    call(7)
    _check(call(7))

    def stretch() -> float:
        begun = time.perf_counter()
        for _ in range(calls):
            call(7)
        return (time.perf_counter() - begun) / calls

    return stretch


async def _ahit(cache: Any) -> Callable[[int], Any]:
    call: Callable[[int], Any] = cache.cached(_aload).call
    for number in range(TASKS):
        await call(number)
    _check(await call(7))
    return call


async def _one_by_one(call: Callable[[int], Any], calls: int) -> float:
    begun = time.perf_counter()
    for _ in range(calls):
        await call(7)
    return (time.perf_counter() - begun) / calls


async def _at_once(call: Callable[[int], Any], times: int) -> float:
    begun = time.perf_counter()
    for _ in range(times):
        await asyncio.gather(*map(call, range(TASKS)))
    return (time.perf_counter() - begun) / times / TASKS


def _once(method: Callable[[Any], Any], given: Any, before: Callable[[], None]) -> Stretch:
    def stretch() -> float:
        before()
        begun = time.perf_counter()
        answer = method(given)
        spent = time.perf_counter() - begun
        _check_many(answer)
        return spent

    return stretch


async def _aonce(method: Callable[[Any], Any], given: Any, before: Callable[[], None]) -> float:
    before()
    begun = time.perf_counter()
    answer = await method(given)
    spent = time.perf_counter() - begun
    _check_many(answer)
    return spent


def _in(runner: asyncio.Runner, stretch: Callable[..., Any], *args: Any) -> Stretch:
    return lambda: runner.run(stretch(*args))


def _check(value: Any) -> None:
    """Refuse to time what gives a wrong answer."""
    if value != VALUE:
        raise AssertionError(f"a hit gave {value!r:.60}")


def _check_many(answer: Any) -> None:
    if isinstance(answer, list) and isinstance(answer[0], dict) and answer != [VALUE] * len(answer):
        raise AssertionError(f"get_many gave {answer!r:.60}")


def _nothing() -> None:
    return None


def _close(runner: asyncio.Runner, caches: Iterable[Any]) -> None:
    async def close() -> None:
        for cache in caches:
            closing = cache.close()
            if closing is not None:
                await closing

    runner.run(close())


def _tell(work: str) -> None:
    if sys.stderr.isatty():
        print(f"{work} ...", file=sys.stderr)


def main() -> None:
    """Measure, and print the table."""
    given = options(str(__doc__).partition("\n")[0])
    logging.disable(logging.CRITICAL)  # a hung server is worth many lines to some
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
