"""The service in four outages, seen from outside, over HTTP: `make drill`.

Fifty users read, write and log in, while the cache's server is killed, paused, slowed and filled
in turn. The clock is this process's, not the service's. All of the service's traffic to the server
passes a proxy that can slow it. With `--quick` few users come, and each phase is short.

What must hold: no 500, nor anything else that is not of the service's; 99 of 100 cached reads
answered with 200 within the bound, which is what the outage may cost and NOISE times what they
take in the healthy phase (one that is refused is late for ever); each profile is loaded no more than once a
second (and after a write, as the outage begins, and as the server comes back empty); the breaker
closes, and the last 503 and 504 are over, within RECOVERY seconds of the server's return.
"""

import argparse
import asyncio
import itertools
import json
import math
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks._bench import brief
from valkey_redis import ValkeyClient
from valkey_redis.embedded import HOST, EmbeddedServer

HOT = 20  # profiles that are read
DELAY = 0.1  # seconds, of each reply in the slowed phase
THINKS = 0.2  # seconds between a user's answer and next request, on average
RECOVERY = 2.0  # seconds
NOISE, LEAST = 3.0, 0.1  # fifty users and the service share this machine; seconds
PATIENCE = 0.25  # seconds, of the service's client
NEVER = 20.0  # seconds: what has not come by then does not come
LOOKS = 0.1  # seconds between two looks at the metrics
PASSWORD = "correct horse"  # noqa: S105 - of accounts that live for a minute
_COUNT = re.compile(r'^service_database_seconds_count\{query="profile"\} (\S+)', re.MULTILINE)
_CHANGES = re.compile(
    r'^valkey_breaker_changes_total\{server="valkey:[^"]*",state="(\w+)"\} (\S+)', re.MULTILINE
)
_STATE = re.compile(r'^valkey_breaker_state\{server="valkey:[^"]*"\} (\S+)', re.MULTILINE)
EXPECTED = {200, 204, 401, 429, 503, 504}  # what the users' requests may be answered
_NAMES = {"0.0": "closed", "1.0": "half_open", "2.0": "open"}


@dataclass
class Phase:
    """What was seen in one phase; seconds. `cost` is what its outage may add to a cached read."""

    name: str
    cost: float = 0.0
    bound: float | None = None  # of the 99th percentile of cached reads; None for the first phase
    statuses: Counter[int] = field(default_factory=Counter)
    reads: list[float] = field(default_factory=list)
    loads: int = 0
    renames: int = 0
    lasted: float = 0.0
    changes: Counter[str] = field(default_factory=Counter)  # of the breaker, by its new state
    recovery: float | None = None

    def percentile(self, share: float) -> float:
        """Return the time within which that share of the cached reads was answered; inf: it was not."""
        return sorted(self.reads)[int(len(self.reads) * share)] if self.reads else math.inf

    @property
    def most_loads(self) -> float:
        """Return how often the database may have been asked for a profile."""
        return HOT * (self.lasted + 2) + self.renames

    def broken(self) -> list[str]:
        """Return what did not hold."""
        found = []
        found += [
            f"{times} answers {status}"
            for status, times in self.statuses.items()
            if status not in EXPECTED
        ]
        p99 = self.percentile(0.99)
        if math.isinf(p99):
            found.append("more than one of 100 cached reads was refused")
        elif self.bound is not None and p99 > self.bound:
            found.append(f"p99 {p99:.2f} s > {self.bound:.2f} s")
        if self.loads > self.most_loads:
            found.append(f"{self.loads} loads of {HOT} profiles in {self.lasted:.1f} s")
        if self.recovery is not None and self.recovery > RECOVERY:
            found.append(f"recovered after {self.recovery:.1f} s")
        return [f"{self.name}: {text}" for text in found]


class Metrics(NamedTuple):
    """What the service's metrics say."""

    state: str
    loads: int
    changes: Counter[str]


class Proxy:
    """A way to the server that can be slowed, and closed as a dead server's port is."""

    def __init__(self, target: int) -> None:
        self.port, self.delay = 0, 0.0
        self._target = target
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        """Listen, on the former port if there was one."""
        self._server = await asyncio.start_server(self._accept, HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Refuse whoever comes, and break off what goes on."""
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            from_server, to_server = await asyncio.open_connection(HOST, self._target)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, to_server}
        self._writers |= both
        await asyncio.gather(
            self._forward(reader, to_server, slowed=False),
            self._forward(from_server, writer, slowed=True),
        )
        self._writers -= both

    async def _forward(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, slowed: bool
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(2**16):
                if slowed and self.delay:
                    await asyncio.sleep(self.delay)
                writer.write(data)
        writer.close()


class Browser:
    """One user's connection to the service: HTTP/1.1 by hand, as its time is what is measured."""

    def __init__(self, port: int, address: str) -> None:
        self._port = port
        self._forwarded = f"X-Forwarded-For: {address}\r\n" if address else ""
        self._cookie = ""
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        """Return the status and the body."""
        data = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {HOST}\r\n{self._forwarded}"
            f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n"
            f"Cookie: {self._cookie}\r\n\r\n"
        )
        if self._streams is None or self._streams[0].at_eof():  # idle, it is closed
            self._streams = await asyncio.open_connection(HOST, self._port)
        reader, writer = self._streams
        writer.write(head.encode() + data)
        answer = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        given = re.search(r"^set-cookie: ([^;]+)", answer, re.MULTILINE)
        if given:
            self._cookie = given[1]
        length = re.search(r"^content-length: (\d+)", answer, re.MULTILINE)
        content = await reader.readexactly(int(length[1])) if length else b""
        if "\r\nconnection: close" in answer:
            await self.close()
        return int(answer.split(maxsplit=2)[1]), content

    async def close(self) -> None:
        """Close the connection."""
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None
            await asyncio.sleep(0)


class Drill:
    """The users, and what becomes of them."""

    def __init__(self, port: int, users: int) -> None:
        self._port, self._users = port, users
        self._phase = Phase("")
        self._last_failure = 0.0
        self._tasks: list[asyncio.Task[None]] = []
        self.phases: list[Phase] = []

    async def begin(self) -> None:
        """Let the users come in, and read everything once."""
        browser = Browser(self._port, "10.9.9.9")
        for number in range(max(HOT, self._users)):
            account = _account(number)
            status, _ = await browser.ask("POST", "/users", {**account, "name": f"user {number}"})
            assert status == HTTPStatus.CREATED, status  # noqa: S101 - nobody could log in
        for number in range(HOT):
            await browser.ask("GET", f"/users/{number + 1}")
        await browser.close()
        self._watch = Browser(self._port, "")
        self._tasks = [asyncio.create_task(self._use(number)) for number in range(self._users)]

    async def end(self) -> None:
        """Let the users go; raise what one of them could not go on for, say a connection cut off."""
        await self._watch.close()
        for task in self._tasks:
            if not task.done():
                task.cancel()
        await asyncio.wait(self._tasks)
        for task in self._tasks:
            if not task.cancelled():
                task.result()

    async def phase(
        self,
        name: str,
        seconds: float,
        cost: float,
        back: Callable[[], Any] | None = None,
        *,
        opens: bool = False,
    ) -> None:
        """Look on for so long; then `back` brings the server back, and the recovery is awaited.

        With `opens`, it is not back before the breaker has opened: on a busy machine that takes longer.
        """
        phase = self._phase = Phase(name, cost)
        if self.phases:
            usual = self.phases[0].percentile(0.99)
            phase.bound = cost + max(NOISE * usual, LEAST)
        self.phases.append(phase)
        before = await self._metrics()
        began = time.monotonic()
        await asyncio.sleep(seconds)
        while opens and (await self._metrics()).changes["open"] == before.changes["open"]:
            if time.monotonic() > began + seconds + NEVER:
                break
            await asyncio.sleep(LOOKS)
        if back is not None:
            await back()
            phase.recovery = await self._recovery()
        phase.lasted = time.monotonic() - began
        after = await self._metrics()
        phase.loads = after.loads - before.loads
        phase.changes = after.changes - before.changes

    async def _recovery(self) -> float:
        """Return the seconds until the breaker is closed and the last request has failed."""
        returned = closed = time.monotonic()
        while time.monotonic() < returned + 5 * RECOVERY:
            if (await self._metrics()).state != "closed":
                closed = time.monotonic()
            good_since = max(closed, self._last_failure)
            if time.monotonic() > good_since + 2 * THINKS + PATIENCE:
                break
            await asyncio.sleep(LOOKS)
        return max(closed, self._last_failure, returned) - returned

    async def _metrics(self) -> Metrics:
        _, body = await self._watch.ask("GET", "/metrics")
        text = body.decode()
        loads, state = _COUNT.search(text), _STATE.search(text)
        return Metrics(
            _NAMES[state[1]] if state else "closed",
            int(float(loads[1])) if loads else 0,
            Counter({name: int(float(times)) for name, times in _CHANGES.findall(text)}),
        )

    async def _use(self, number: int) -> None:
        """Do as a user does."""
        dice = random.Random(number)  # noqa: S311 - the same users in every run
        browser = Browser(self._port, f"10.0.{number // 250}.{number % 250 + 1}")
        try:
            for turn in itertools.count():
                await asyncio.sleep(dice.uniform(0, 2 * THINKS))
                act = dice.choices(["read", "me", "prefer", "rename"], [80, 10, 5, 5])[0]
                if act == "read":
                    began = time.monotonic()
                    status = await self._ask(browser, "GET", f"/users/{dice.randint(1, HOT)}")
                    took = time.monotonic() - began
                    self._phase.reads.append(took if status == HTTPStatus.OK else math.inf)
                elif act == "me":
                    status = await self._ask(browser, "GET", "/me")
                elif act == "prefer":
                    size = {"page_size": turn % 100 + 1}
                    status = await self._ask(browser, "PUT", "/me/preferences", size)
                else:
                    name = {"name": f"user {number}, for the {turn}. time"}
                    status = await self._ask(browser, "PATCH", "/me", name)
                    self._phase.renames += 1
                if status == HTTPStatus.UNAUTHORIZED:
                    await self._ask(browser, "POST", "/login", _account(number))
        finally:
            await browser.close()

    async def _ask(self, browser: Browser, method: str, path: str, body: Any = None) -> int:
        status, _ = await browser.ask(method, path, body)
        self._phase.statuses[status] += 1
        if status in {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}:
            self._last_failure = time.monotonic()
        return status


def _account(number: int) -> dict[str, str]:
    return {"email": f"user{number}@example.com", "password": PASSWORD}


@asynccontextmanager
async def service(server_port: int, folder: Path, **settings: str) -> AsyncIterator[int]:
    """Run the service over the server at that port; yield its own port."""
    environment = {
        **{name: value for name, value in os.environ.items() if "REDIS" not in name},
        "VALKEY_URL": f"valkey://{HOST}:{server_port}",
        "PORT": "0",
        "SERVICE_DATABASE": str(folder / "users.sqlite3"),
        "SERVICE_DATABASE_DELAY": "0.005",
        "SERVICE_PASSWORD_COST": "4",
        "SERVICE_SECURE_COOKIES": "false",
        "SERVICE_TRUSTED_PROXIES": f'["{HOST}/32"]',
        "SERVICE_REQUESTS_PER_MINUTE": "1200",
        "SERVICE_PATIENCE": str(PATIENCE),
        "SERVICE_SIGN_UPS_PER_HOUR": "100000",
        **settings,
    }
    with (folder / "service.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "valkey_redis.examples.service"),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
        )
    try:
        assert process.stdout is not None  # noqa: S101 - it was asked for
        said = re.search(rb":(\d+)/docs", await process.stdout.readline())
        if said is None:
            raise SystemExit(f"the service did not start: {(folder / 'service.log').read_text()}")
        port = int(said[1])
        while True:
            with suppress(OSError):
                _, writer = await asyncio.open_connection(HOST, port)
                writer.close()
                break
            await asyncio.sleep(LOOKS)
        yield port
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.wait()


async def drill(users: int, seconds: float, folder: Path) -> list[Phase]:
    """Run the whole drill, each phase for so many seconds; return the phases."""
    server = EmbeddedServer(settings={"maxmemory-policy": "noeviction"})
    proxy: Proxy | None = None
    try:
        await asyncio.to_thread(server.start)
        proxy = Proxy(server.port)
        await proxy.open()
        async with service(proxy.port, folder) as port:
            run = Drill(port, users)
            await run.begin()
            await _phases(run, server, proxy, seconds)
            await run.end()
            return run.phases
    finally:
        if proxy is not None:
            proxy.close()
            await asyncio.sleep(LOOKS)  # what it forwarded to ends
        await asyncio.to_thread(server.close)


async def _phases(run: Drill, server: EmbeddedServer, proxy: Proxy, seconds: float) -> None:
    async def start() -> None:
        await asyncio.to_thread(server.start)
        await proxy.open()

    async def resume() -> None:
        server.resume()

    async def hurry() -> None:
        proxy.delay = 0.0

    async def empty() -> None:
        await asyncio.to_thread(_limit_memory, server, 0)

    await run.phase("healthy", seconds, 0.0)
    proxy.close()
    server.kill()
    await run.phase("killed", seconds, 0.0, start, opens=True)
    server.pause()
    await run.phase("paused", seconds, PATIENCE, resume, opens=True)
    proxy.delay = DELAY
    # A limit, a look, a lease, a fill; and two to connect.
    await run.phase("slowed", seconds, 6 * DELAY, hurry)
    await asyncio.to_thread(_limit_memory, server, 1)
    await run.phase("filled", seconds, 0.0, empty)
    await run.phase("healthy again", seconds, 0.0)


def _limit_memory(server: EmbeddedServer, limit: int) -> None:
    with ValkeyClient(server.config) as client:
        client.raw.execute_command("CONFIG", "SET", "maxmemory", str(limit))


def shown(phases: list[Phase]) -> str:
    """Return the table, in Markdown."""
    kinds = ("2xx", "401", "429", "503", "504", "500", "other")
    lines = [
        ["phase", "seconds", "requests", *kinds, "read p50", "p99", "bound", "loads", "breaker"]
    ]
    lines[0].append("recovered")
    for one in phases:
        statuses: Counter[str] = Counter()
        for status, times in one.statuses.items():
            name = "2xx" if status // 100 == 2 else str(status)  # noqa: PLR2004 - as it says
            statuses[name if name in kinds else "other"] += times
        lines.append(
            [
                one.name,
                f"{one.lasted:.1f}",
                str(one.statuses.total()),
                *(str(statuses[kind]) for kind in kinds),
                *(brief(one.percentile(share)) for share in (0.5, 0.99)),
                "" if one.bound is None else brief(one.bound),
                str(one.loads),
                ", ".join(f"{times} {name}" for name, times in one.changes.items()) or "closed",
                "" if one.recovery is None else brief(one.recovery) if one.recovery else "at once",
            ]
        )
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    padded = (
        (cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines
    )
    return "\n".join(f"| {' | '.join(line)} |" for line in padded)


def main() -> None:
    """Run the drill and print its table; exit with 1 if something did not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each phase")
    parser.add_argument("--quick", action="store_true", help="only see that it runs")
    given = parser.parse_args()
    if given.quick:
        given.users, given.seconds = 8, 0.6
    with tempfile.TemporaryDirectory() as folder:
        phases = asyncio.run(drill(given.users, given.seconds, Path(folder)))
    print(shown(phases))
    broken = [line for phase in phases for line in phase.broken()]
    print("\n".join(broken) or "all held")
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
