"""How many calls five limiters admit in any window, attacked by many processes: `make bench`.

A cell is the most that was admitted in any stretch of the window's length, by the server's
clock, which is read in the same transaction as each decision. The bound is what the policy's
docstring promises. With `--quick` all is smaller and short.
"""

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from multiprocessing.connection import Connection
from typing import Any
from unittest import mock

from benchmarks._bench import Row, options, scene, table
from valkey_redis import (
    GCRA,
    FixedWindow,
    RateLimiter,
    SlidingCounter,
    SlidingLog,
    TokenBucket,
    ValkeyClient,
    ValkeyConfig,
)
from valkey_redis.commands import Command
from valkey_redis.embedded import HOST, EmbeddedServer
from valkey_redis.limits import Policy

AHEAD = 1.0  # seconds
LATE = 0.05  # of a window: how long before its edge the edge's attack begins


@dataclass(frozen=True, slots=True)
class Attack:
    """Who calls how; seconds."""

    port: int
    limit: int
    window: float
    lasts: float
    processes: int
    threads: int
    at_edge: bool = False  # from the end of one window to the end of the next, then a pause
    clocks_ahead: int = 0  # of so many processes

    def policies(self) -> list[Policy]:
        """Return the five limits."""
        kinds = (FixedWindow, SlidingLog, SlidingCounter, TokenBucket, GCRA)
        return [kind(self.limit, self.window, name=kind.__name__) for kind in kinds]


class _Stamping(ValkeyClient):
    """A client that notes the server's time of each decision, in one transaction with it."""

    stamp = 0  # microseconds

    def attempt(self, queued: Sequence[Command[Any]], *, guarded: bool = True) -> list[Any]:  # noqa: ARG002 - the parent's
        """Send the commands and TIME, with nothing in between."""
        pipe = self.pipeline(transaction=True)
        for command in (*queued, Command(("TIME",), _microseconds)):
            pipe.add(command)
        *replies, self.stamp = pipe.execute()
        return replies


def _microseconds(reply: Any) -> int:
    return int(reply[0]) * 10**6 + int(reply[1])


def _client(port: int) -> _Stamping:
    config = ValkeyConfig(url=f"valkey://{HOST}:{port}", username=None, password=None, timeout=30)
    return _Stamping(config)


def _process(number: int, parent: Connection) -> None:
    """Take part in each attack that the parent sends, and send what was admitted when."""
    parent.send("ready")
    while (sent := parent.recv()) is not None:
        attack, begins = sent
        ahead = AHEAD if number < attack.clocks_ahead else 0.0
        with (
            mock.patch("time.time", partial(_later, time.time, ahead)),
            mock.patch("time.time_ns", partial(_later, time.time_ns, int(ahead * 1e9))),
        ):
            parent.send(_attack(attack, begins))


def _later(clock: Callable[[], float], ahead: float) -> float:
    return clock() + ahead


def _attack(attack: Attack, begins: int) -> dict[str, list[int]]:
    admitted: dict[str, list[int]] = {policy.name: [] for policy in attack.policies()}
    workers = [
        threading.Thread(target=_thread, args=(attack, begins, admitted))
        for _ in range(attack.threads)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return admitted


def _thread(attack: Attack, begins: int, admitted: dict[str, list[int]]) -> None:
    window, ends = int(attack.window * 1e6), begins + int(attack.lasts * 1e6)
    late = int(LATE * window)
    with _client(attack.port) as client:
        limiters = [RateLimiter(client, policy, on_outage="closed") for policy in attack.policies()]
        client.attempt([])
        time.sleep(max(begins - client.stamp, 0) / 1e6)
        while client.stamp < ends:
            for limiter in limiters:
                decision = limiter.hit("victim")
                if decision:
                    admitted[decision.policy.name].append(client.stamp)
            number, into = divmod(client.stamp + late, window)
            if attack.at_edge and number % 2:
                time.sleep((window - into) / 1e6)


def most_within(moments: Sequence[int], length: int) -> int:
    """Return how many lie in any half-open stretch of so many microseconds at most."""
    ordered, most, first = sorted(moments), 0, 0
    for last, moment in enumerate(ordered):
        while ordered[first] <= moment - length:
            first += 1
        most = max(most, last - first + 1)
    return most


@contextmanager
def callers(processes: int) -> Iterator[list[Connection]]:
    """Yield the ways to so many processes that are ready to attack."""
    context, ways = multiprocessing.get_context("spawn"), []
    for number in range(processes):
        ours, theirs = context.Pipe()
        context.Process(target=_process, args=(number, theirs), daemon=True).start()
        ways.append(ours)
    for way in ways:
        way.recv()
    yield ways
    for way in ways:
        way.send(None)


def run(attack: Attack, ways: Sequence[Connection]) -> dict[str, int]:
    """Attack; return the most that each limit admitted in any window."""
    with _client(attack.port) as client:
        client.raw.execute_command("FLUSHALL")
        client.attempt([])
    for way in ways:
        way.send((attack, client.stamp + 50_000))
    found = [way.recv() for way in ways]
    length = int(attack.window * 1e6)
    return {name: most_within([*chain(*(one[name] for one in found))], length) for name in found[0]}


def main() -> None:
    """Attack, and print the table."""
    given = options(str(__doc__).partition("\n")[0])
    size = (20, 0.2, 0.5, 2, 2) if given.quick else (100, 2.0, 10.0, 4, 8)
    begun = time.monotonic()
    with EmbeddedServer() as server, callers(size[3]) as ways:
        plain = Attack(server.port, *size)
        rows = [Row("bound", {policy.name: str(policy.bound) for policy in plain.policies()})]
        attacks = {
            "all the time": plain,
            "from a window's end": Attack(server.port, *size, at_edge=True),
            "two clocks a second ahead": Attack(server.port, *size, clocks_ahead=size[3] // 2),
        }
        for name, attack in attacks.items():
            most = run(attack, ways)
            is_kept = all(most[policy.name] <= policy.bound for policy in plain.policies())
            cells = {key: str(value) for key, value in most.items()}
            rows.append(Row(name, cells, "<= bound", is_kept))
    print(table(rows, list(rows[0].cells), {}))
    if not given.markdown:
        limit, window, lasts, processes, threads = size
        print(
            f"\nLimit {limit} per {window} s, {processes} processes x {threads} threads, "
            f"{lasts} s each; {scene(('valkey',))}; {time.monotonic() - begun:.0f} s."
        )


if __name__ == "__main__":
    main()
