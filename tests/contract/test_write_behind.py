"""Write-behind: nothing that was put is lost, whoever dies, over every backend, face and driver."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from tests.contract.conftest import Place
from tests.support.things import Awaited, queue_of
from tests.support.waiting import auntil, until

from valkey_redis import (
    CommandError,
    EncryptedCodec,
    InvalidArgumentError,
    PydanticCodec,
    ValkeyClient,
    Write,
    WriteBehind,
)
from valkey_redis.embedded import EmbeddedServer
from workshop.interleave import explore, step
from workshop.lab import Lab, open_backend
from workshop.schedule import End

LONG, AT_ONCE = 3600, 0.001  # seconds until another writer takes over


class Order(BaseModel):
    """A value that plain JSON does not keep."""

    items: tuple[str, ...]


class Database:
    """Keeps the newest version of each row."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[int, Any]] = {}
        self.batches: list[list[Any]] = []

    def write(self, batch: list[Write]) -> None:
        """Write the batch."""
        self.batches.append([write.value for write in batch])
        for write in batch:
            if write.version > self.rows.get(write.key, (-1, None))[0]:
                self.rows[write.key] = write.version, write.value

    def values(self) -> dict[str, Any]:
        """Return the rows without their versions."""
        return {key: value for key, (_, value) in self.rows.items()}


class DownError(Exception):
    """The database is down."""


def refuse(_: list[Write]) -> None:
    """Write nothing."""
    raise DownError


async def drained(queue: Awaited, database: Database) -> None:
    """Drain until nothing comes any more."""
    while await queue.drain(database.write):
        pass


async def test_what_is_put_is_written_in_order(client: Any) -> None:
    """In batches of the given size; the backlog says how much is left."""
    queue, database = queue_of(client, batch_size=2), Database()
    assert (await queue.backlog(), await queue.drain(database.write)) == (0, 0)
    ids = [await queue.put(f"k{i % 2}", {"n": i}) for i in range(5)]
    assert await queue.backlog() == 5
    assert await queue.drain(database.write) == 2
    assert await queue.backlog() == 3
    await drained(queue, database)
    assert database.batches == [[{"n": 0}, {"n": 1}], [{"n": 2}, {"n": 3}], [{"n": 4}]]
    assert database.values() == {"k0": {"n": 4}, "k1": {"n": 3}}
    assert (await queue.backlog(), await queue.drain(database.write)) == (0, 0)
    versions = [Write(id_, "", None).version for id_ in ids]
    assert versions == sorted(set(versions))
    assert versions[-1] < 2**63
    # Nothing is left behind but the stream and its group.
    groups = await client.raw.execute_command("XPENDING", "writes", "writers")
    assert 0 in (groups.values() if isinstance(groups, dict) else groups)


async def test_what_was_put_before_any_writer_came_is_written(client: Any, place: Place) -> None:
    """The group is made on demand, at the beginning; again, if somebody deletes it."""
    queue, database = queue_of(client), Database()
    await queue.put("a", 1)
    async with place.connect() as other:
        await drained(queue_of(other), database)
    await queue.put("b", 2)
    await client.raw.execute_command("XGROUP DESTROY", "writes", "writers")
    await drained(queue, database)
    assert database.values() == {"a": 1, "b": 2}


async def test_a_failed_batch_waits_and_comes_again(client: Any, place: Place) -> None:
    """What `write` raises is raised; the batch is nobody's until it is idle, then another's."""
    queue, database = queue_of(client, idle=LONG), Database()
    for i in range(3):
        await queue.put(f"k{i}", i)
    with pytest.raises(DownError):
        await queue.drain(refuse)
    assert (await queue.backlog(), await queue.drain(database.write)) == (3, 0)
    await queue.put("later", 4)
    assert await queue.drain(database.write) == 1
    async with place.connect() as other:
        heir = queue_of(other, idle=AT_ONCE)

        async def takes_over() -> bool:
            return bool(await heir.drain(database.write))

        await auntil(takes_over, "the batch is idle")
    assert database.batches == [[4], [0, 1, 2]]
    assert (await queue.backlog(), len(database.rows)) == (0, 4)


async def test_a_repeated_batch_does_not_undo_a_newer_write(client: Any, place: Place) -> None:
    """By the version: the old write comes last, and is not kept."""
    queue, database = queue_of(client, batch_size=1, idle=LONG), Database()
    await queue.put("k", "old")
    await queue.put("k", "new")
    with pytest.raises(DownError):
        await queue.drain(refuse)
    assert await queue.drain(database.write) == 1
    async with place.connect() as other:
        heir = queue_of(other, idle=AT_ONCE)

        async def takes_over() -> bool:
            return bool(await heir.drain(database.write))

        await auntil(takes_over, "the batch is idle")
    assert (database.batches, database.values()) == ([["new"], ["old"]], {"k": "new"})


async def test_two_writers_share_the_work(client: Any, place: Place) -> None:
    """Each write goes to one of them, while both are at it."""
    async with place.connect() as other:
        queues = [queue_of(made, batch_size=3, idle=LONG) for made in (client, other)]
        databases = [Database(), Database()]
        for i in range(12):
            await queues[i % 2].put(f"k{i}", i)
        for _ in range(2):
            for queue, database in zip(queues, databases, strict=True):
                assert await queue.drain(database.write) == 3
        written = [value for database in databases for batch in database.batches for value in batch]
        assert sorted(written) == list(range(12))
        assert await queues[0].backlog() == 0


FOREIGN: list[list[Any]] = [
    ["value", b"1"],
    ["key", "k"],
    ["other", "x"],
    ["key", "k", "value", b"\xff not JSON"],
    ["key", b"\xff", "value", b"1"],
]


async def test_foreign_entries_do_not_block_the_others(client: Any) -> None:
    """They stay, for somebody to look at; one drain finds the writes behind any number of them."""
    queue, database = queue_of(client, batch_size=2, idle=AT_ONCE), Database()
    for _ in range(6):
        for fields in FOREIGN:
            await client.raw.execute_command("XADD", "writes", "*", *fields)
    await queue.put("k", 1)
    assert await queue.drain(database.write) == 1
    await queue.put("k", 2)
    assert await queue.drain(database.write) == 1
    assert (database.values(), await queue.backlog()) == ({"k": 2}, 6 * len(FOREIGN))


async def test_what_was_left_behind_many_foreign_entries_is_found(
    client: Any, place: Place
) -> None:
    """A look passes over so many entries and no more; the next one looks on from there."""
    queue, database = queue_of(client, batch_size=1, idle=LONG), Database()
    for _ in range(15):
        await client.raw.execute_command("XADD", "writes", "*", "other", "x")
    await queue.put("k", 1)
    with pytest.raises(DownError):
        await queue.drain(refuse)
    async with place.connect() as other:
        heir = queue_of(other, batch_size=1, idle=AT_ONCE)

        async def takes_over() -> bool:
            return bool(await heir.drain(database.write))

        await auntil(takes_over, "the write is found")
    assert database.values() == {"k": 1}


async def test_a_typed_and_encrypted_queue(client: Any) -> None:
    """The codec is the one that is given; the server sees no word of the values."""
    codec = EncryptedCodec([EncryptedCodec.new_key()], PydanticCodec(Order))
    queue, database = queue_of(client, codec=codec), Database()
    await queue.put("k", Order(items=("book",)))
    stored = await client.raw.execute_command("XRANGE", "writes", "-", "+")
    assert b"book" not in repr(stored).encode()
    await drained(queue, database)
    assert database.values() == {"k": Order(items=("book",))}
    with pytest.raises(InvalidArgumentError):
        await queue.put("k", "no order")
    assert await queue.backlog() == 0


async def test_a_key_that_is_no_stream_is_said(client: Any) -> None:
    """As the server says it: nothing is overwritten."""
    await client.set("writes", 1)
    queue, database = queue_of(client), Database()
    for call in (queue.put("k", 1), queue.drain(database.write), queue.backlog()):
        with pytest.raises(CommandError):
            await call
    assert await client.get("writes") == 1


@pytest.mark.parametrize(
    "settings",
    [{"batch_size": 0}, {"batch_size": True}, {"batch_size": 1.5}, {"idle": 0}, {"idle": -1}],
    ids=str,
)
def test_wrong_settings_are_refused(settings: Any) -> None:
    """In one line that names the setting."""
    with pytest.raises(InvalidArgumentError, match=f"^{next(iter(settings))}="):
        WriteBehind(ValkeyClient("valkey://127.0.0.1:1"), "writes", **settings)


stream_ids = st.tuples(st.integers(0, 2**42), st.integers(0, 2**20 - 1))


@given(left=stream_ids, right=stream_ids)
def test_versions_compare_as_ids_do(left: tuple[int, int], right: tuple[int, int]) -> None:
    """For any two entries: the later one's version is the higher."""
    versions = [Write(f"{a}-{b}", "", None).version for a, b in (left, right)]
    assert (left < right, left == right) == (versions[0] < versions[1], versions[0] == versions[1])
    assert max(versions) < 2**63


# Every interleaving, and every death ---------------------------------------------------------


def _lab(fake: Lab) -> Lab:
    """Return the lab with clients that give bytes, as the package's own do."""

    def connect(name: str, recorder: Any, *, decode: bool = True, is_async: bool = False) -> Any:
        return fake.connect(name, recorder, decode=decode and recorder is None, is_async=is_async)

    return Lab(connect, follows_the_clock=True)


@pytest.mark.parametrize("keys", [{"k1", "k2"}, {"k1"}], ids=["alive", "dying"])
def test_nothing_is_lost_in_any_order_whoever_dies(keys: set[str]) -> None:
    """Two writers begin at once on a new stream: each write is in the database or still queued."""
    database, crashes = Database(), len(keys) == 1

    def put(server: Any) -> None:
        database.rows.clear()
        for key in sorted(keys):
            server.xadd("writes", {"key": key, "value": "1"}, id=f"1-{key[1]}")

    def drain(raw: Any) -> None:
        queue = WriteBehind(ValkeyClient(raw=raw), "writes", batch_size=1, idle=LONG)
        queue.drain(lambda batch: step("database: write", lambda: database.write(batch)))

    def check(end: End) -> None:
        queued = {fields["key"] for _, fields in end.server.xrange("writes")}
        assert set(database.rows) | queued == keys, "a write is lost"
        if not crashes:
            assert (set(database.rows), queued) == (keys, set())

    with open_backend("fakeredis") as labs:
        explored = explore(
            put,
            [drain, drain],
            check,
            crashes=crashes,
            lab=_lab(labs()),
            outside=lambda: tuple(sorted(database.rows)),
        )
    assert explored.schedules > 5


# A real writer is killed -----------------------------------------------------------------------

WRITER = """
import sqlite3, sys
from valkey_redis import ValkeyClient, WriteBehind
url, file, idle, stops = sys.argv[1:]
database = sqlite3.connect(file)
def write(batch):
    with database:
        database.executemany(
            "INSERT INTO rows VALUES (?, ?, ?, 1) ON CONFLICT (key) DO UPDATE SET"
            " writes = writes + 1,"
            " value = CASE WHEN excluded.version > version THEN excluded.value ELSE value END,"
            " version = max(excluded.version, version)",
            [(item.key, item.value, item.version) for item in batch],
        )
    print("written", len(batch), flush=True)
    if stops == "yes":
        sys.stdin.read()  # the transaction is done, the acknowledgement not sent
queue = WriteBehind(ValkeyClient(url), "writes", batch_size=10, idle=float(idle))
while queue.drain(write) or queue.backlog():
    pass
"""


def _writer(url: str, file: Path, idle: float, *, stops: bool) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, url, str(file), str(idle), "yes" if stops else "no"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ.copy(),
    )


def test_a_writer_killed_before_the_acknowledgement_loses_nothing(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    """Its batch is in the database and comes again: harmless, by the version."""
    file = tmp_path / "rows.db"
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE rows (key PRIMARY KEY, value, version, writes)")
    with ValkeyClient(server.config) as client:
        client.delete("writes")
        queue = WriteBehind(client, "writes")
        for i in range(25):
            queue.put(f"k{i % 5}", i)
        with _writer(server.url, file, LONG, stops=True) as first:
            assert first.stdout is not None
            assert first.stdout.readline() == "written 10\n"
            first.send_signal(signal.SIGKILL)
        assert queue.backlog() == 25
        with _writer(server.url, file, AT_ONCE, stops=False) as second:
            assert second.stdout is not None
            written = sum(int(re.sub(r"\D", "", line)) for line in second.stdout)
            until(lambda: second.poll() is not None, "the second writer comes to its end")
        assert (second.returncode, written, queue.backlog()) == (0, 25, 0)
    with sqlite3.connect(file) as database:
        rows = database.execute("SELECT key, value, writes FROM rows ORDER BY key").fetchall()
    database.close()
    # Ten of the writes came twice; the last of each key is kept.
    assert rows == [(f"k{i}", 20 + i, 5 + 2) for i in range(5)]
