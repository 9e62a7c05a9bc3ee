"""The examples run: on their own server, on yours, and not at all without a clear word."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import valkey_redis.examples
from valkey_redis import ValkeyClient
from valkey_redis.embedded import EmbeddedServer

FOLDER = Path(valkey_redis.examples.__file__).parent
EXAMPLES = sorted(path.stem for path in FOLDER.glob("example_*.py"))
HOLD = (
    "from valkey_redis.examples._demo import demo_client\n"
    "with demo_client() as client:\n"
    "    print(client.raw.connection_pool.connection_kwargs['port'], flush=True)\n"
    "    input()\n"
)


def environment(**settings: str) -> dict[str, str]:
    """Return this process's environment without any server in it, but for `settings`."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("VALKEY_", "REDIS_"))}
    return kept | settings


def run(name: str, folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run one example as a person would, in a folder with no `.env`."""
    return subprocess.run(
        [sys.executable, "-m", f"valkey_redis.examples.{name}"],
        cwd=folder,
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def is_listening(port: int) -> bool:
    """Return whether anything accepts connections on a port of 127.0.0.1."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("name", EXAMPLES)
def test_runs_alone(name: str, tmp_path: Path) -> None:
    """An example needs no server, no Docker and no environment variable."""
    done = run(name, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "server: ValkeyClient(valkey://127.0.0.1:" in done.stdout


def test_example_1_shows_what_it_teaches(tmp_path: Path) -> None:
    """Expiry, counters, one round trip, deletion by prefix: each line says what happened."""
    lines = run("example_1", tmp_path).stdout.splitlines()
    assert "visits: [1, 2, 3, 4]; the window still ends in 10 s" in lines
    assert "lamp, pen, table cost [1999, 120, None] (None: not stored)" in lines
    assert any(line.startswith("deleted 6 keys") for line in lines)


def test_example_2_shows_what_it_teaches(tmp_path: Path) -> None:
    """Few queries, stale answers while the database is down, one step for a tag, no lost write."""
    lines = run("example_2", tmp_path).stdout.splitlines()
    assert any(
        line.startswith("cache-aside") and line.endswith("name='Ada Lovelace'; 3 queries")
        for line in lines
    )
    assert "stampede: 50 callers, 1 query" in lines
    assert "the database is down, and the answer is 'sun'" in lines
    assert "after one step, prices: {}" in lines
    assert "stored by version 1, read by version 2: id=1 name='Ada'" in lines
    assert "write-behind: 2 writes waited, 0 wait now: id=9 name='Bob'" in lines
    assert "told by pub/sub, the process forgot its copy: {}" in lines


def test_example_4_shows_what_it_teaches(tmp_path: Path) -> None:
    """Twice the limit at a window's edge, headers, several subjects, three ways without a server."""
    lines = run("example_4", tmp_path).stdout.splitlines()
    assert "    FixedWindow: 10 before the edge of a window, 10 after it" in lines
    assert "     SlidingLog: 10 before the edge of a window,  0 after it" in lines
    assert '  RateLimit-Policy: "burst";q=2;w=3600, "daily";q=50;w=86400' in lines
    assert "refused by 'burst', and counted by neither: {'burst': 0, 'daily': 48} left" in lines
    assert "four tokens from one address: [True, True, True, False]" in lines
    assert "  open: [True, True, True, True]" in lines
    assert "closed: [False, False, False, False]" in lines
    assert " local: [True, True, False, False]" in lines


@pytest.mark.parametrize("name", EXAMPLES)
def test_uses_your_server_and_leaves_it_as_it_was(
    name: str, tmp_path: Path, server: EmbeddedServer
) -> None:
    """With VALKEY_URL set, that server does the work, and keeps nothing but what it had."""
    with ValkeyClient(server.config) as client:
        client.raw.execute_command("FLUSHALL")
        client.set("mine", 1)
        client.raw.execute_command("CONFIG", "RESETSTAT")
        done = run(name, tmp_path, VALKEY_URL=server.url)
        commands = client.raw.execute_command("INFO", "stats")["total_commands_processed"]
        assert (done.returncode, done.stderr) == (0, "")
        assert f"server: ValkeyClient({server.url})" in done.stdout
        assert commands > 5
        assert list(client.scan()) == ["mine"]


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("valkey://127.0.0.1:1", "error: valkey://127.0.0.1:1: Error "),
        ("http://127.0.0.1:6379", "error: VALKEY_URL has the scheme 'http://'; takes valkey://"),
        ("valkey://127.0.0.1:99999", "error: VALKEY_URL has the port 99999; takes 1 to 65535"),
    ],
)
def test_a_wrong_server_is_one_clear_line(url: str, text: str, tmp_path: Path) -> None:
    """With a wrong VALKEY_URL there is one line on stderr and an exit code."""
    done = run(EXAMPLES[0], tmp_path, VALKEY_URL=url)
    assert done.returncode == 1
    assert done.stderr.startswith(text)
    assert done.stderr.count("\n") == 1


def test_a_killed_example_leaves_no_server(tmp_path: Path) -> None:
    """SIGKILL in the middle of an example leaves nothing that listens."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD],
        cwd=tmp_path,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        port = _port(process)
        assert is_listening(port)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        deadline = time.monotonic() + 10
        while is_listening(port) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not is_listening(port)


def _port(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip().isdigit():
            return int(line)
    raise AssertionError("the example ended early")


def test_example_5_shows_what_it_teaches(tmp_path: Path) -> None:
    """One at a time, a hand-over, a lease that is renewed, a late write that is refused."""
    lines = run("example_5", tmp_path).stdout.splitlines()
    assert "8 threads delivered 5 lamps each, one at a time: 40" in lines
    assert any(line.startswith("handed over in ") for line in lines)
    assert "after 0.5 s under a lease of 0.3 s, lost: False" in lines
    assert "the slow one is written: False; the ledger: 41, counted by the quick one" in lines
    assert lines[-1].endswith("the lease was over before the release")


def test_example_6_shows_what_it_teaches(tmp_path: Path) -> None:
    """Who goes under each policy, bytes, a scan that some survive, and advice for a list of keys."""
    lines = run("example_6", tmp_path).stdout.splitlines()
    assert "FIFOCache keeps bob, cyd, dan" in lines
    assert " LRUCache keeps ada, cyd, dan" in lines
    assert "evicted at each of 5 pages: [0, 0, 0, 1, 1]; 1563 bytes are there" in lines
    assert "made smaller: 1 had to go, ['page3', 'page4'] stay" in lines
    assert "   LRUCache:  0 of 25 survive the scan; 175 evictions" in lines
    assert " SIEVECache: 25 of 25 survive the scan; 175 evictions" in lines
    assert "scan: LFU. It has 30.9%: 4.5 points more than LRU." in lines


def test_example_7_shows_what_it_teaches(tmp_path: Path) -> None:
    """A retry, a breaker and an old answer; a deadline; a server that hangs, and one that died."""
    lines = run("example_7", tmp_path).stdout.splitlines()
    assert "the supplier's breaker is open" in lines
    said = "lamp 1999, later 1999; pen unknown; told 100 times, asked 9 times"
    assert said in lines
    said = "10 s were asked for, less than one is given: True; the deadline is over; left: 0.0 s"
    assert said in lines
    assert sum(line.endswith(": answers again)") for line in lines) == 2
    for outage in ("paused", "killed"):
        assert f"{outage}: search True, log in False" in lines
        for number in ("first", "second"):
            said = f"{outage}, {number} read: from the database, "
            assert any(line.startswith(said) for line in lines)
    assert lines[-1] == "back: from the database, once more"


def test_example_8_shows_what_it_teaches(tmp_path: Path) -> None:
    """A histogram, a slow command, a big and a hot key, live and not ready, spans without keys."""
    lines = run("example_8", tmp_path).stdout.splitlines()
    assert "175 of 200 reads are hits" in lines
    assert "loads of at most 0.001 s: 0" in lines
    assert "shards up: [1]" in lines
    assert any(line.startswith("slow: EVAL, for ") for line in lines)
    assert any(line.startswith("big: example8:basket, ") for line in lines)
    assert "hot: example8:lamp, 75 of 100 reads" in lines
    assert "ok: live True, ready True" in lines
    assert "down: live True, ready False" in lines
    assert lines[-2] == "a page {}"
    assert lines[-1].startswith("PIPELINE GET {'db.system.name': 'valkey', ")
