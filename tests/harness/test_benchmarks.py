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


@pytest.fixture(scope="module")
def table() -> dict[str, dict[str, str]]:
    """Return the cache's table, by work and column."""
    command = [sys.executable, "-m", "benchmarks.bench_cache", "--rounds", "1", "--quick"]
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
