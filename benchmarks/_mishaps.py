"""What it costs when the server hangs, and whether an old value outlives its invalidation."""

import asyncio
import statistics
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from benchmarks._bench import brief
from benchmarks._caches import competing
from valkey_redis.embedded import EmbeddedServer

PATIENCE = 10.0  # seconds
NEXT = 20  # calls after the first, fewer if they are slow


class Hung(NamedTuple):
    """Seconds of the first call and of the next ones (None: not waited for)."""

    patience: float
    first: float | None = None
    following: float | None = None
    raises: bool = False

    def __str__(self) -> str:
        if self.first is None:
            return f"> {self.patience:g} s"
        following = "" if self.following is None else f", then {brief(self.following)}"
        return f"{brief(self.first)}{following}{', raises' * self.raises}"


class _Victim(threading.Thread):
    """One contender's caller, in a thread of its own: while it waits, so may the others."""

    def __init__(self, make: Callable[[], Any], patience: float, *, is_async: bool) -> None:
        super().__init__(daemon=True)
        self.result = Hung(patience)
        self.is_ready, self.hangs = threading.Event(), threading.Event()
        self._make, self._is_async = make, is_async

    def run(self) -> None:
        if not self._is_async:
            cache = self._make()
            call = cache.cached(_load, guarded=False).call
            self._watch(lambda: call(0))
            return
        with asyncio.Runner() as runner:

            async def make() -> Any:
                return self._make()

            call = runner.run(make()).cached(_aload, guarded=False).call

            async def one() -> None:
                await call(0)

            self._watch(lambda: runner.run(one()))

    def _watch(self, call: Callable[[], Any]) -> None:
        call()  # the value is there, and a connection
        self.is_ready.set()
        self.hangs.wait()
        patience = self.result.patience
        until = time.perf_counter() + patience
        first, raises = _timed(call)
        self.result = Hung(patience, first, None, raises)
        following: list[float] = []
        while len(following) < NEXT and time.perf_counter() + first < until:
            spent, raised = _timed(call)
            following.append(spent)
            raises = raises or raised
            self.result = Hung(patience, first, statistics.median(following), raises)


def hung(
    server: EmbeddedServer, *, is_async: bool, timeout: float, patience: float
) -> dict[str, Hung]:
    """Freeze the server under all contenders at once, and let them call for so long."""
    victims = {
        name: _Victim(
            partial(contender.make, server.port, timeout, is_async=is_async),
            patience,
            is_async=is_async,
        )
        for name, contender in competing(is_async=is_async).items()
    }
    for victim in victims.values():
        victim.start()
        victim.is_ready.wait(PATIENCE)
    server.pause()
    try:
        ends = time.monotonic() + patience
        for victim in victims.values():
            victim.hangs.set()
        for victim in victims.values():
            victim.join(max(0.0, ends - time.monotonic()))
        return {name: victim.result for name, victim in victims.items()}
    finally:
        server.resume()
        for victim in victims.values():
            victim.join(patience)  # those who still back off end by themselves


def _timed(call: Callable[[], Any]) -> tuple[float, bool]:
    begun = time.perf_counter()
    raised = False
    try:
        call()
    except Exception:  # noqa: BLE001 - each driver has errors of its own; that it raises is told
        raised = True
    return time.perf_counter() - begun, raised


def _load(number: int) -> dict[str, int]:
    return {"number": number}


async def _aload(number: int) -> dict[str, int]:
    return {"number": number}


# An invalidation during a load ----------------------------------------------------------------


def keeps_old(cache: Any) -> bool:
    """Invalidate while a thread loads; return whether the value from before is cached after."""
    stored = {"value": "old"}
    begun, go_on = threading.Event(), threading.Event()

    def load(number: int) -> dict[str, Any]:
        seen = stored | {"number": number}
        begun.set()
        go_on.wait(PATIENCE)
        return seen

    made = cache.cached(load, guarded=True)
    loader = threading.Thread(target=made.call, args=(-1,), daemon=True)
    loader.start()
    if not begun.wait(PATIENCE):
        raise TimeoutError("the load does not begin: is the key not empty?")
    stored["value"] = "new"
    made.forget(-1)
    go_on.set()
    loader.join(PATIENCE)
    return bool(made.call(-1)["value"] == "old")


async def akeeps_old(cache: Any) -> bool:
    """Invalidate while a task loads; return whether the value from before is cached after."""
    stored = {"value": "old"}
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def load(number: int) -> dict[str, Any]:
        seen = stored | {"number": number}
        begun.set()
        await asyncio.wait_for(go_on.wait(), PATIENCE)
        return seen

    made = cache.cached(load, guarded=True)
    loader = asyncio.ensure_future(made.call(-1))
    await asyncio.wait_for(begun.wait(), PATIENCE)
    stored["value"] = "new"
    await made.forget(-1)
    go_on.set()
    await loader
    return bool((await made.call(-1))["value"] == "old")
