"""The benchmarks run, also where no peer is installed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WORKS = [
    "decorated hit, 200 B",
    "decorated hit, async",
    "decorated hit, 50 tasks",
    "set_many of 10",
    "set_many of 10, async",
    "get_many of 10",
    "get_many of 10, async",
    "warm of 10",
    "warm of 10, async",
    "stampede, 1 x 50 threads: loads; wall; commands",
    "stampede, 1 x 50 tasks: loads; wall; commands",
    "server hung, timeout 0.05 s",
    "server hung, async, timeout 0.05 s",
    "old value stays after an invalidation",
    "old value stays after an invalidation, async",
]


SESSION_WORKS = [
    "read",
    "update",
    "rotate",
    "read, async",
    "update, async",
    "rotate, async",
    "writes in 20 reads",
    "a client's unknown id is adopted",
    "a slow request undoes a logout",
    "two requests lose a field",
    "the old id lives on after a rotation",
    "the id is in the server's keys",
]
LIMITERS = ["fixed window", "GCRA", "token bucket", "sliding counter", "sliding log"]
Table = dict[str, dict[str, str]]


def table_of(benchmark: str) -> Table:
    """Run a benchmark as quickly as it can; return its table, by work and column."""
    command = [sys.executable, "-m", f"benchmarks.{benchmark}", "--rounds", "1", "--quick"]
    done = subprocess.run(
        [*command, "--markdown"],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    head, _, *rows = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines()
    ]
    return {row[0]: dict(zip(head, row, strict=True)) for row in rows}


@pytest.fixture(scope="module")
def table() -> Table:
    """Return the cache's table."""
    return table_of("bench_cache")


def test_every_work_has_its_row_and_its_verdict(table: dict[str, dict[str, str]]) -> None:
    """A target is met or missed; no cell of ours is empty."""
    assert list(table) == WORKS
    assert {row["ours"] for row in table.values()} <= {"met", "missed"}
    assert not {row["valkey_redis"] for row in table.values()} & {"", "n/a", "not installed"}


def test_a_peer_that_is_not_there_is_said_to_be_so(table: dict[str, dict[str, str]]) -> None:
    """The lock is without the peers, and so are the tests."""
    for peer in ("cashews", "aiocache", "dogpile.cache"):
        assert {row[peer] for row in table.values()} == {"not installed"}


def test_what_does_not_depend_on_speed_is_as_promised(table: dict[str, dict[str, str]]) -> None:
    """Ours loads once and forgets the old value; by hand, it is otherwise."""
    for work, row in table.items():
        if work.startswith("stampede"):
            assert row["valkey_redis"].startswith("1; ")
        if work.startswith("old value"):
            assert (row["valkey_redis"], row["redis-py"]) == ("no", "yes")


def test_the_sessions_have_their_rows_and_promises() -> None:
    """Every work is there; what does not depend on speed is as promised, and not so by hand."""
    table = table_of("bench_sessions")
    assert list(table) == SESSION_WORKS
    assert not {row["valkey_redis"] for row in table.values()} & {"", "n/a", "not installed"}
    assert {row["starsessions"] for row in table.values()} == {"not installed"}
    for work in SESSION_WORKS[6:]:
        row = table[work]
        assert row["ours"] == "met"
        assert (row["valkey_redis"] != row["redis-py by hand"]) == ("old id" not in work)


def test_the_limiters_have_their_rows() -> None:
    """Five algorithms, three ways to call; the peers are not installed."""
    table = table_of("bench_limits")
    ways = ("", ", async", ", 50 tasks")
    assert list(table) == [f"{work}{way}" for way in ways for work in LIMITERS]
    for work, row in table.items():
        assert float(row["valkey_redis"]) > 0
        assert bool(row["target"]) is (work in {*LIMITERS[:2], LIMITERS[4]} or "tasks" in work)
        assert (row["limits"], row["throttled-py"]) == ("not installed", "not installed")


def test_no_limit_admits_more_than_its_bound() -> None:
    """Attacked by several processes, also at the windows' edge, also with clocks ahead."""
    bound, *attacks = table_of("bench_accuracy").values()
    assert len(attacks) == 3
    for row in attacks:
        assert row["ours"] == "met"
        for name, value in bound.items():
            if value.isdigit():
                assert 0 < int(row[name]) <= int(value)


def test_the_locks_have_their_rows() -> None:
    """A lock is handed over without a command while one waits; there is no lock in a bare EVALSHA."""
    rows = table_of("bench_locks")
    assert list(rows) == [
        "take and give back",
        "take and give back, async",
        "hand-off to one who waits, median",
        "hand-off, slowest",
        "commands a second while waiting",
    ]
    waiting = rows["commands a second while waiting"]
    assert (waiting["valkey_redis"], waiting["ours"]) == ("0", "met")
    assert {row["python-redis-lock"] for row in rows.values()} == {"not installed"}
    assert rows["hand-off, slowest"]["2 EVALSHA, valkey-py"] == "n/a"


def test_the_evicting_caches_have_their_rows_and_hits() -> None:
    """Five figures of each policy; what it hits is what its reference hits."""
    rows = table_of("bench_eviction")
    works = ("a hit", "a set that evicts", "a miss, filled", "memory an entry", "hits, zipf")
    policies = ("FIFO", "LIFO", "LRU", "MRU", "LFU", "aged LFU", "SIEVE", "S3-FIFO")
    assert list(rows) == [f"{policy}: {work}" for work in works for policy in policies]
    assert not {row["valkey_redis"] for row in rows.values()} & {"", "n/a", "not installed"}
    assert {row["redis-func-cache"] for row in rows.values()} == {"not installed"}
    for policy in policies:
        row = rows[f"{policy}: hits, zipf"]
        assert row["ours"] == "met"
        assert row["valkey_redis"] == row["simulator"] != "0.00 %"


def test_the_observers_have_their_rows() -> None:
    """A GET and a cached hit of both faces with each sink; where nobody listens, the question alone."""
    rows = table_of("bench_observability")
    works = [f"{work}{way}" for way in ("", ", async") for work in ("GET, 200 B", "cached hit")]
    assert list(rows) == [*works, "is anybody listening"]
    for work in works:
        for sink in ("log", "Prometheus", "OpenTelemetry", "all three"):
            assert float(rows[work][sink]) > 0
