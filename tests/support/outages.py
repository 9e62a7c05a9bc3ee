"""What the tests of outages share: a source that sees overlaps, a drill, the commands sent."""

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from tests.support.backends import Kind
from tests.support.faces import AwaitableClient

from valkey_redis import AsyncCache, Cache, ValkeyConfig
from valkey_redis.embedded import EmbeddedServer
from workshop.recorder import Recorder, recording, recording_async

WORKERS = 20
LOAD = 0.002  # seconds that a load takes
HOT = [f"hot:{i}" for i in range(40)]
ROWS = [f"row:{i}" for i in range(20)]


def record(client: Any) -> Recorder:
    """Record what the client sends from now on; it must not have connected yet."""
    recorder = Recorder()
    raw = client.sync.raw if isinstance(client, AwaitableClient) else client.raw
    wrap = recording if isinstance(client, AwaitableClient) else recording_async
    pool = raw.connection_pool
    pool.connection_class = wrap(pool.connection_class, recorder, "")
    return recorder


def verbs(recorder: Recorder) -> list[str]:
    """Return the commands sent, but for the probes."""
    return [entry.words[0] for entry in recorder.sent if entry.words[0] != "EXISTS"]


@dataclass
class Loads:
    """A database that notes how often it was asked, and for which rows twice at a time."""

    count: int = 0
    overlaps: Counter[str] = field(default_factory=Counter)
    _running: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, key: str) -> None:
        """Note that a load has begun."""
        with self._lock:
            self.count += 1
            self.overlaps[key] += key in self._running
            self._running.add(key)

    def end(self, key: str) -> str:
        """Note that it is done; return the row."""
        with self._lock:
            self._running.discard(key)
        return key.upper()

    def loader(self, key: str, *, is_async: bool) -> Callable[[], Any]:
        """Return the loader of a row."""

        def load() -> str:
            self.begin(key)
            time.sleep(LOAD)
            return self.end(key)

        async def aload() -> str:
            self.begin(key)
            await asyncio.sleep(LOAD)
            return self.end(key)

        return aload if is_async else load


@dataclass
class Report:
    """How a drill went."""

    calls: int = 0
    slowest: float = 0.0
    errors: list[BaseException] = field(default_factory=list)
    wrong: list[tuple[str, str, Any]] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    loads: list[int] = field(default_factory=list)


class Drill:
    """Many callers of one cache, and what happens to its server in the middle of a segment."""

    def __init__(self, kind: Kind, server: EmbeddedServer, timeout: float) -> None:
        self.server, self.report, self.database = server, Report(), Loads()
        self._is_async = kind.face == "async"
        config = ValkeyConfig(
            url=kind.url(server.url), timeout=timeout, connect_timeout=timeout, retry_attempts=3
        )
        client = kind.of(config)
        self._client = client
        self.cache: Any = (
            AsyncCache(client, beta=0) if self._is_async else Cache(client.sync, beta=0)
        )
        self._lock = threading.Lock()
        self._dice = random.Random(7)  # noqa: S311 - the same calls in every run

    def is_recovered(self) -> bool:
        """Return whether the server is asked again."""
        return self.cache.client.breakers.are_closed and not self.cache._debts

    async def segment(self, calls: int, action: Callable[[], object] | None = None) -> None:
        """Let the workers make so many calls, and `action` happen in the middle of them."""
        before, loads = self.cache.get_stats().counts, self.database.count
        seeds = [self._dice.random() for _ in range(WORKERS)]
        share = calls // WORKERS
        self._calls, self._action_at, self._action = 0, calls // 2, action
        if self._is_async:
            await asyncio.gather(*(self._aworker(seed, share) for seed in seeds))
        else:
            with ThreadPoolExecutor(WORKERS) as pool:
                work = [pool.submit(self._worker, seed, share) for seed in seeds]
                await asyncio.gather(*map(asyncio.wrap_future, work))
        after = self.cache.get_stats().counts
        hits, misses = (after[name] - before[name] for name in ("hit", "miss"))
        self.report.ratios.append(hits / (hits + misses))
        self.report.loads.append(self.database.count - loads)

    async def close(self) -> None:
        """Close the cache and its client."""
        closed = self.cache.close()
        if closed is not None:
            await closed
        await self._client.close()

    def _worker(self, seed: float, calls: int) -> None:
        dice = random.Random(seed)  # noqa: S311 - as above
        for _ in range(calls):
            if self._is_time():
                self._act()
            name, key, call = self._choose(dice)
            begun = time.perf_counter()
            try:
                self._judge(name, key, call())
            except BaseException as error:  # noqa: BLE001 - the report's subject
                self.report.errors.append(error)
            self._clock(time.perf_counter() - begun)

    async def _aworker(self, seed: float, calls: int) -> None:
        dice = random.Random(seed)  # noqa: S311 - as above
        for _ in range(calls):
            if self._is_time():
                await asyncio.to_thread(self._act)
            name, key, call = self._choose(dice)
            begun = time.perf_counter()
            try:
                self._judge(name, key, await call())
            except BaseException as error:  # noqa: BLE001 - the report's subject
                self.report.errors.append(error)
            self._clock(time.perf_counter() - begun)

    def _is_time(self) -> bool:
        with self._lock:
            self._calls += 1
            return self._calls == self._action_at

    def _act(self) -> None:
        if self._action is not None:
            self._action()

    def _clock(self, seconds: float) -> None:
        with self._lock:
            self.report.calls += 1
            self.report.slowest = max(self.report.slowest, seconds)

    def _choose(self, dice: random.Random) -> tuple[str, str, Callable[[], Any]]:
        """Return a call: its name, its key, and what makes it."""
        cache, hot, row = self.cache, dice.choice(HOT), dice.choice(ROWS)
        loader = self.database.loader
        choice = dice.random()
        if choice < 0.6:
            load = loader(hot, is_async=self._is_async)
            return "get_or_set", hot, lambda: cache.get_or_set(hot, load)
        if choice < 0.7:
            return "get", hot, lambda: cache.get(hot)
        if choice < 0.8:
            keys = dice.sample(HOT, 5)
            return "get_many", hot, lambda: cache.get_many(keys)
        if choice < 0.87:
            return "set", row, lambda: cache.set(row, row.upper(), tags=["rows"])
        if choice < 0.94:
            return "get", row, lambda: cache.get(row)
        return "invalidate", row, lambda: cache.invalidate(row)

    def _judge(self, name: str, key: str, answer: Any) -> None:
        """Note an answer that no caller should get."""
        right: bool
        if name == "get_or_set":
            right = answer == key.upper()
        elif name == "get":
            right = answer in {None, key.upper()}
        elif name == "get_many":
            right = all(value == key.upper() for key, value in answer.items())
        else:
            right = answer in {True, False}
        if not right:
            self.report.wrong.append((name, key, answer))
