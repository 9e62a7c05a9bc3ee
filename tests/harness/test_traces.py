"""A learner's own list of keys: from a file, or from a client that was recorded."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import fakeredis
import pytest
from typer.testing import CliRunner

from valkey_redis import AsyncValkeyClient, Cache, InvalidArgumentError, ValkeyClient
from valkey_redis.embedded import EmbeddedServer
from valkey_redis.embedded_cluster import EmbeddedCluster
from workshop.cli import app
from workshop.traces import keys_read, load_trace, recorded, save_trace


def test_what_a_client_read_is_a_trace(tmp_path: Path) -> None:
    """Every key that was read counts, in order, a miss too; what was written does not."""
    client = ValkeyClient(raw=fakeredis.FakeValkey())
    recorder = recorded(client)
    client.set("a", 1)
    for key in ("a", "b", "a"):
        client.get(key)
    client.raw.mget("c", "a")
    client.raw.getex("d", ex=10)
    client.pipeline().get("e").set("g", 1).get("f").execute()
    assert keys_read(recorder) == ["a", "b", "a", "c", "a", "d", "e", "f"]
    assert keys_read(recorder, "[ab]") == ["a", "b", "a", "a"]
    save_trace(tmp_path / "keys.txt", keys_read(recorder))
    assert load_trace(tmp_path / "keys.txt") == keys_read(recorder)


async def test_an_asyncio_client_on_a_real_server(server: EmbeddedServer) -> None:
    """The same for its twin, over the wire."""
    async with AsyncValkeyClient(server.config) as client:
        recorder = recorded(client)
        await client.get("trace:a")
        await client.raw.mget("trace:b", "trace:a")
    assert keys_read(recorder) == ["trace:a", "trace:b", "trace:a"]


def test_a_caches_entries_are_told_from_its_records() -> None:
    """A pattern takes what was asked of the cache, and not what the cache asked for itself."""
    client = ValkeyClient(raw=fakeredis.FakeValkey())
    recorder = recorded(client)
    cache = Cache(client, namespace="app")
    for key in ("u1", "u2", "u1"):
        cache.get(key)
    assert keys_read(recorder, "app:cache:*") == [f"app:cache:{key}" for key in ("u1", "u2", "u1")]


def test_a_clusters_client_is_refused(cluster: EmbeddedCluster) -> None:
    """One clear line, rather than a trace of nothing."""
    with (
        ValkeyClient(cluster.config) as client,
        pytest.raises(InvalidArgumentError, match="takes one of a standalone server"),
    ):
        recorded(client)


def test_a_file_keeps_keys_as_they_are(tmp_path: Path) -> None:
    """Spaces and any script are kept, and different keys stay different."""
    keys = [" a b ", "ключ", "two\nlines", "two\\nlines", "\x85\u2028", "\r"]
    save_trace(tmp_path / "keys.txt", keys)
    loaded = load_trace(tmp_path / "keys.txt")
    assert len(set(loaded)) == len(loaded) == len(keys)
    assert (loaded[:2], loaded[4]) == (keys[:2], keys[4])


def test_a_file_from_elsewhere(tmp_path: Path) -> None:
    """A mark of its coding, Windows's line ends, empty lines and bytes that are no text do no harm."""
    file = tmp_path / "keys.txt"
    file.write_bytes(b"\xef\xbb\xbfa\r\n\r\nb\r\n\xff\r\na")
    assert load_trace(file) == ["a", "b", "\\xff", "a"]


def test_the_command(tmp_path: Path) -> None:
    """The verb prints the table and the recommendation."""
    file = tmp_path / "keys.txt"
    save_trace(file, [f"user:{now % 11}" for now in range(500)])
    command = [sys.executable, "-m", "workshop", "simulate", str(file), "10"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "500 requests for 11 keys."
    assert "At a capacity of 10: MRU." in lines
    assert [line.split()[0] for line in lines[5:14]].count("OPT") == 1


@pytest.mark.parametrize(
    ("file", "capacity", "text"),
    [
        ("", "", "error: takes a file of keys and a capacity: TRACE=keys.txt CAPACITY=1000"),
        ("keys", "", "error: takes a file of keys and a capacity: TRACE=keys.txt CAPACITY=1000"),
        ("keys", "0", "error: capacity=0: takes a whole number, 1 or more"),
        ("keys", "-1", "error: capacity='-1': takes a whole number, 1 or more"),
        ("keys", "2.5", "error: capacity='2.5': takes a whole number, 1 or more"),
        ("gone", "9", "error: gone: No such file or directory: takes a text file, one key a line"),
        (".", "9", "error: .: Is a directory: takes a text file, one key a line"),
        ("empty", "9", "error: empty is empty: takes a text file, one key a line"),
    ],
)
def test_bad_input_gets_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, capacity: str, text: str
) -> None:
    """What was given, and what is taken."""
    (tmp_path / "keys").write_text("a\n")
    (tmp_path / "empty").write_text("\n\n")
    monkeypatch.chdir(tmp_path)
    done: Any = CliRunner().invoke(app, ["simulate", file, capacity])
    assert (done.exit_code, done.output.strip()) == (1, text)
