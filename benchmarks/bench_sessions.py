"""Sessions beside the same by hand, and starsessions: `make bench`.

Ratios are to an EVALSHA of `return 1` by the bare valkey-py of the same face: the least that a
script can cost. Less is faster. The last column says whether this package reached its target.
"""

import asyncio
import gc
import sys
import time
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from typing import Any

import valkey
import valkey.asyncio

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
from benchmarks._sessions import BY_HAND, HOST, STARSESSIONS, contenders
from valkey_redis.embedded import EmbeddedServer
from valkey_redis.session_id import new_id

BASE = "EVALSHA"
COLUMNS = (BASE, OURS, BY_HAND, STARSESSIONS)
PACKAGES = ("redis", "hiredis", "valkey", "libvalkey", "starsessions", "starlette")
DATA = {"cart": [7, 19], "csrf": "x" * 32, "theme": "dark"}
READS = 20
# What is timed: a method, its arguments after the id, and the target (0.75 of the throughput).
WORKS = (("read", (), 1.33), ("update", ("theme", "light"), None), ("rotate", (), None))

Stretch = Callable[[], float]


class Bench:
    """The works on one server; `calls` is how often a stretch calls what it times."""

    def __init__(self, server: EmbeddedServer, rounds: int, *, is_quick: bool) -> None:
        self._port, self._rounds = server.port, rounds
        self._calls = 10 if is_quick else 200
        self._admin: Any = valkey.Valkey(host=HOST, port=server.port)
        self._sha: Any = self._admin.script_load("return 1")

    def run(self) -> list[Row]:
        """Do every work; return the table's rows."""
        with asyncio.Runner() as runner:
            rows = self._timed() + self._atimed(runner) + runner.run(self._judged())
        self._admin.close()
        return rows

    # Works that are timed, in paired rounds ------------------------------------------------------

    def _timed(self) -> list[Row]:
        base = _repeat(lambda: self._admin.evalsha(self._sha, 0), self._calls)
        found = contenders(self._port, is_async=False)
        ids = {name: it.create(DATA) for name, it in found.items()}
        rows = []
        for work, arguments, target in WORKS:
            stretches = {
                name: _repeat(_chained(getattr(it, work), ids, name, arguments), self._calls)
                for name, it in found.items()
            }
            rows.append(self._row(work, {BASE: base, **stretches}, target))
        for it in found.values():
            it.close()
        return rows

    def _atimed(self, runner: asyncio.Runner) -> list[Row]:
        client = runner.run(_aclient(self._port))
        base = _in(runner, _arepeat, lambda: client.evalsha(self._sha, 0), self._calls)
        found = contenders(self._port, is_async=True)
        ids = {name: runner.run(it.create(DATA)) for name, it in found.items()}
        rows = []
        for work, arguments, target in WORKS:
            stretches = {
                name: _in(
                    runner,
                    _arepeat,
                    _achained(getattr(it, work), ids, name, arguments),
                    self._calls,
                )
                for name, it in found.items()
            }
            rows.append(self._row(f"{work}, async", {BASE: base, **stretches}, target))
        for it in (*found.values(), client):
            runner.run(it.aclose() if it is client else it.close())
        return rows

    def _row(self, work: str, stretches: dict[str, Stretch], target: float | None) -> Row:
        _tell(work)
        return ratio_row(work, paired(stretches, self._rounds), BASE, target)

    # Works whose answer counts -------------------------------------------------------------------

    async def _judged(self) -> list[Row]:
        rows = []
        for work, judge, right in (
            (f"writes in {READS} reads", self._writes, "0"),
            ("a client's unknown id is adopted", _adopts, "no"),
            ("a slow request undoes a logout", _resurrects, "no"),
            ("two requests lose a field", _loses, "no"),
            ("the old id lives on after a rotation", _keeps_old, "no"),
            ("the id is in the server's keys", self._shows, "no"),
        ):
            _tell(work)
            answers = {}
            for name, it in contenders(self._port, is_async=True).items():
                answers[name] = await judge(it)
                await it.close()
            rows.append(Row(work, answers, right, answers[OURS] == right))
        return rows

    async def _writes(self, it: Any) -> str:
        id_ = await it.create(DATA)
        before = self._changes()
        for _ in range(READS):
            _check(await it.read(id_))
        return str(self._changes() - before)

    async def _shows(self, it: Any) -> str:
        id_ = await it.create(DATA)
        keys = 0
        for db in range(1, 5):
            with valkey.Valkey(host=HOST, port=self._port, db=db) as client:
                keys += sum(id_.encode() in key for key in client.scan_iter())
        return _yes(keys > 0)

    def _changes(self) -> int:
        return int(self._admin.info("persistence")["rdb_changes_since_last_save"])


async def _adopts(it: Any) -> str:
    planted = new_id()
    await it.update(planted, "theme", "light")
    return _yes(await it.read(planted) is not None)


async def _resurrects(it: Any) -> str:
    id_ = await it.create(DATA)
    await it.update(id_, "theme", "light", lambda: it.destroy(id_))
    return _yes(await it.read(id_) is not None)


async def _loses(it: Any) -> str:
    id_ = await it.create(DATA)
    await it.update(id_, "theme", "light", lambda: it.update(id_, "csrf", "new"))
    found = await it.read(id_)
    return _yes((found["theme"], found["csrf"]) != ("light", "new"))


async def _keeps_old(it: Any) -> str:
    id_ = await it.create(DATA)
    await it.rotate(id_)
    return _yes(await it.read(id_) is not None)


# Stretches: what is timed, in seconds for each call -----------------------------------------------


def _chained(
    method: Callable[..., Any], ids: dict[str, str], name: str, arguments: tuple[Any, ...]
) -> Callable[[], Any]:
    """Return a call with the contender's id, which a rotation replaces."""

    def call() -> Any:
        answer = method(ids[name], *arguments)
        _check(answer)
        if method.__name__ == "rotate":
            ids[name] = answer
        return answer

    return call


def _achained(
    method: Callable[..., Any], ids: dict[str, str], name: str, arguments: tuple[Any, ...]
) -> Callable[[], Awaitable[Any]]:
    async def call() -> Any:
        answer = await method(ids[name], *arguments)
        _check(answer)
        if method.__name__ == "rotate":
            ids[name] = answer
        return answer

    return call


def _repeat(call: Callable[[], Any], calls: int) -> Stretch:
    def stretch() -> float:
        begun = time.perf_counter()
        for _ in range(calls):
            call()
        return (time.perf_counter() - begun) / calls

    return stretch


async def _arepeat(call: Callable[[], Awaitable[Any]], calls: int) -> float:
    begun = time.perf_counter()
    for _ in range(calls):
        await call()
    return (time.perf_counter() - begun) / calls


def _in(runner: asyncio.Runner, stretch: Callable[..., Any], *args: Any) -> Stretch:
    return lambda: runner.run(stretch(*args))


async def _aclient(port: int) -> Any:
    return valkey.asyncio.Valkey(host=HOST, port=port)


def _check(answer: Any) -> None:
    """Refuse to time what gives a wrong answer."""
    if not answer:
        raise AssertionError(f"it gave {answer!r:.60}")


def _yes(answer: bool) -> str:
    return "yes" if answer else "no"


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
    is_there = find_spec(STARSESSIONS) is not None
    fill = {STARSESSIONS: NOT_APPLICABLE if is_there else NOT_INSTALLED}
    print(table(rows, COLUMNS, fill))
    if not given.markdown:
        print(f"\n{scene(PACKAGES)}; {given.rounds} rounds, {time.monotonic() - begun:.0f} s.")


if __name__ == "__main__":
    main()
