"""The parts of the users service that need no server: database, passwords, what is nearby, settings."""

import asyncio
import socket
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import fakeredis
import pytest
import pytest_asyncio
from tests.support.waiting import auntil

from valkey_redis import AsyncCache, AsyncModelStore, AsyncValkeyClient, ValkeyConfig
from valkey_redis.codec import PydanticCodec
from valkey_redis.deadline import deadline
from valkey_redis.errors import CircuitOpenError, ConfigurationError, DeadlineExceededError
from valkey_redis.examples.service import __main__ as program
from valkey_redis.examples.service.accounts import HASHES_AT_ONCE, Service
from valkey_redis.examples.service.database import SLOW, THREADS, WAITING, Database, DatabaseError
from valkey_redis.examples.service.models import Preferences, Profile, SignUp
from valkey_redis.examples.service.passwords import (
    BLOCK,
    MEMORY,
    PASSES,
    hash_password,
    is_password,
)
from valkey_redis.examples.service.settings import Settings, read_settings
from valkey_redis.examples.service.users import Nearby, Users

ADA = Profile(id=1, name="Ada")


@pytest_asyncio.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """Return an empty database."""
    file = tmp_path / "new" / "users.sqlite3"
    async with Database(file, delay=0, on_query=lambda *_: None) as opened:
        yield opened


def locked(_: sqlite3.Connection) -> None:
    """Fail as a locked database does."""
    raise sqlite3.OperationalError("database is locked: SELECT 'planted'")


async def test_a_query_is_one_transaction(database: Database) -> None:
    """What fails leaves nothing behind; a broken rule is an answer, and opens no breaker."""

    def add_twice(db: sqlite3.Connection) -> None:
        for _ in range(2):
            db.execute("INSERT INTO users (email, name, password) VALUES ('a', 'b', 'c')")

    for _ in range(20):
        with pytest.raises(sqlite3.IntegrityError):
            await database.run("add", add_twice)
    found = await database.run(
        "count", lambda db: db.execute("SELECT count(*) FROM users").fetchone()
    )
    assert found == (0,)
    assert database.breaker.state == "closed"


async def test_a_database_that_fails_is_left_alone(database: Database) -> None:
    """Its own words, which may quote values, are not passed on; the breaker opens."""
    for _ in range(10):
        with pytest.raises(DatabaseError, match=r"^the database: OperationalError$") as raised:
            await database.run("read", locked)
        assert raised.value.__cause__ is None
    with pytest.raises(CircuitOpenError):
        await database.run("read", lambda _: pytest.fail("was asked"))


async def test_a_database_that_is_too_slow_is_left_alone(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the requests that wait for it are over: one that left says nothing of it."""
    assert Settings.model_fields["deadline"].default > SLOW
    monkeypatch.setattr("valkey_redis.examples.service.database.SLOW", 1e-9)
    async with Database(database._path, delay=0, on_query=lambda *_: None) as slow:
        for _ in range(10):
            await slow.run("read", lambda _: None)
        with pytest.raises(CircuitOpenError):
            await slow.run("read", lambda _: pytest.fail("was asked"))
    for db in slow._connections:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            db.execute("SELECT 1")


async def test_no_more_wait_than_can(database: Database) -> None:
    """The bulkhead: whoever comes then is refused at once, and that is no failure of the database."""
    go = threading.Event()
    begun = [database.run("wait", lambda _: go.wait(20)) for _ in range(THREADS + WAITING)]
    tasks = [asyncio.ensure_future(one) for one in begun]
    await asyncio.sleep(0)
    try:
        for _ in range(20):
            with deadline(5), pytest.raises(DatabaseError, match="too much to do"):
                await database.run("one more", lambda _: None)
    finally:
        go.set()
    assert await asyncio.gather(*tasks) == [True] * (THREADS + WAITING)
    assert await database.run("again", lambda _: 1) == 1
    assert database.breaker.state == "closed"


async def test_whoever_has_no_time_left_goes(database: Database) -> None:
    """The thread cannot be stopped, and its place is taken until it is done."""
    go = threading.Event()
    with deadline(0.05), pytest.raises(DeadlineExceededError):
        await database.run("slow", lambda _: go.wait(20))
    assert database._asked == 1
    go.set()

    async def is_done() -> bool:
        return database._asked == 0

    await auntil(is_done, "the slow query's place is free")


async def test_an_id_is_nobody_elses_ever(tmp_path: Path, database: Database) -> None:
    """What is cached, or remembered, of a deleted user is not the next one's."""
    for email in ("a", "b"):
        await database.run(
            "add",
            lambda db, email=email: db.execute(  # type: ignore[misc]  # bound at once
                "INSERT INTO users (email, name, password) VALUES (?, 'n', 'p')", (email,)
            ),
        )
        await database.run("delete", lambda db: db.execute("DELETE FROM users"))
    with closing(sqlite3.connect(tmp_path / "new" / "users.sqlite3")) as db:
        assert db.execute("SELECT seq FROM sqlite_sequence").fetchone() == (2,)


async def test_no_more_passwords_are_hashed_at_once_than_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Though whoever asked has left: a thread that works cannot be stopped. Who only waited is dropped."""
    go, lock, busy, most, done = threading.Event(), threading.Lock(), 0, 0, 0

    def hashing(*_: object, **__: object) -> bytes:
        nonlocal busy, most, done
        with lock:
            busy, done = busy + 1, done + 1
            most = max(most, busy)
        go.wait(20)
        with lock:
            busy -= 1
        return b"digest"

    service = Service(*[None] * 4, password_cost=1)  # type: ignore[arg-type]  # only the passwords are asked for
    monkeypatch.setattr("hashlib.scrypt", hashing)
    for _ in range(4):
        with deadline(0.05), pytest.raises(DeadlineExceededError):
            await service.hashed("given up")
    go.set()
    assert (await service.hashed("again")).startswith("scrypt$1$")
    assert (most, done) == (HASHES_AT_ONCE, HASHES_AT_ONCE + 1)
    assert not await service.is_right("nobody's", None)
    assert done == HASHES_AT_ONCE + 2  # as long as a wrong password of somebody


def test_the_dearest_password_has_memory() -> None:
    """The highest cost that the settings take: what scrypt needs (RFC 7914) is allowed to it."""
    [most] = [
        rule.le for rule in Settings.model_fields["password_cost"].metadata if hasattr(rule, "le")
    ]
    assert 128 * BLOCK * (2**most + PASSES + 2) <= MEMORY


def test_passwords_are_salted_and_checked() -> None:
    """Two of the same differ; the cost is the stored one's."""
    first, second = hash_password("correct horse", 4), hash_password("correct horse", 5)
    assert len({first, second, hash_password("correct horse", 4)}) == 3
    assert "correct" not in first
    assert is_password("correct horse", first)
    assert is_password("correct horse", second)
    assert not is_password("correct horsf", first)
    assert not is_password("", first)


def test_what_is_nearby_is_kept_for_a_moment() -> None:
    """A user who does not exist, too; not longer than a moment."""
    nearby, forgetful = Nearby(), Nearby()
    forgetful.KEPT = 0.0
    for id_, profile in [(1, ADA), (2, None)]:
        nearby.keep(id_, profile)
        forgetful.keep(id_, profile)
        assert id_ in nearby
        assert nearby.get(id_) == profile
        assert id_ not in forgetful
    nearby.forget(1)
    assert 1 not in nearby
    assert 2 in nearby


def test_what_is_nearby_is_bounded() -> None:
    """The oldest goes; one that is kept again is no longer the oldest."""
    nearby = Nearby()
    nearby.MOST = 2
    for id_ in (1, 2, 1, 3):
        nearby.keep(id_, ADA)
    assert [id_ in nearby for id_ in (1, 2, 3)] == [True, False, True]


def test_it_is_needed_when_the_cache_fails() -> None:
    """For a moment after; a miss is no failure."""
    nearby = Nearby()
    nearby.on_cache("service", "miss", 0.0, 1)
    assert not nearby.is_needed
    nearby.on_cache("service", "error", 0.0, 1)
    assert nearby.is_needed


async def test_without_the_cache_a_profile_is_loaded_once_a_moment(database: Database) -> None:
    """However often it is read; a write of this process is seen at once, also one amid a read."""
    loads = []
    database._on_query = lambda name, _: loads.append(name)
    nearby = Nearby()
    config = ValkeyConfig(url="valkey://127.0.0.1:1", retry_attempts=0)
    async with AsyncValkeyClient(config, observers=[nearby]) as away:
        cache = AsyncCache(away)
        preferences = AsyncModelStore(Preferences, away, prefix="preferences", default_ttl=60)
        users = Users(database, cache, nearby, preferences)
        new = SignUp.model_validate({"email": "a@b", "password": "12345678", "name": "Ada"})
        id_ = (await users.add(new, "hash")).id
        for name in ("Ada", "Grace"):
            await users.rename(id_, name)
            loads.clear()
            found = [await users.profile(id_) for _ in range(10)]
            assert {profile and profile.name for profile in found} == {name}
            assert loads == ["profile"]
        nearby.forget(id_)
        has_read, go = threading.Event(), threading.Event()
        database._on_query = lambda name, _: name == "profile" and (has_read.set(), go.wait(20))
        reading = asyncio.ensure_future(users.profile(id_))
        await asyncio.to_thread(has_read.wait, 20)
        await users.rename(id_, "Ada Lovelace")
        go.set()
        await reading
        profile = await users.profile(id_)
        assert profile is not None
        assert profile.name == "Ada Lovelace"
        await cache.close()


async def test_what_is_nearby_is_asked_only_in_need(database: Database) -> None:
    """While the cache serves, it alone does: what is nearby may be older than another's write."""
    nearby = Nearby()
    client = AsyncValkeyClient(raw=fakeredis.FakeAsyncValkey())
    cache = AsyncCache(client, codec=PydanticCodec(Profile | None))  # type: ignore[arg-type]  # as in app.py
    preferences = AsyncModelStore(Preferences, client, prefix="preferences", default_ttl=60)
    users = Users(database, cache, nearby, preferences)
    assert await users.profile(1) is None
    new = SignUp.model_validate({"email": "a@b", "password": "12345678", "name": "Ada"})
    await users.add(new, "hash")  # and that there was nobody is forgotten
    old = ADA.model_copy(update={"name": "of a moment ago"})
    nearby.keep(1, old)
    assert await users.profile(1) == ADA
    nearby.on_cache("service", "error", 0.0, 1)
    assert await users.profile(1) == old
    await cache.close()
    await client.close()


@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", "many"), ("PORT", "70000"), ("SERVICE_TRUSTED_PROXIES", "10.0.0.0/8")],
)
def test_wrong_settings_get_one_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """Which, and what is taken."""
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as raised:
        read_settings()
    text = str(raised.value)
    assert name.removeprefix("SERVICE_").lower() in text.lower()
    assert "\n" not in text


@pytest.mark.parametrize("wrong", ["no database", "a full disk", "a port that is taken"])
def test_it_does_not_start_and_says_why_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, wrong: str
) -> None:
    """No traceback: what was given, and what is the matter with it."""
    file = tmp_path / "users.sqlite3"
    if wrong == "no database":
        file.write_text("something else " * 100)
    if wrong == "a full disk":
        file = Path("/dev/full/users.sqlite3")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("PORT", str(port))
        monkeypatch.setenv("SERVICE_DATABASE", str(file))
        monkeypatch.setenv("SERVICE_PASSWORD_COST", "1")
        monkeypatch.setenv("VALKEY_URL", "valkey://127.0.0.1:1")
        with pytest.raises(SystemExit) as raised:
            program.main()
    named = (
        f"PORT={port} of 127.0.0.1: "
        if wrong == "a port that is taken"
        else f"SERVICE_DATABASE={file}"
    )
    text = str(raised.value)
    assert text.startswith(f"error: {named}")
    assert "\n" not in text
