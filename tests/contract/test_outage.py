"""What callers of the cache see when a real server dies, hangs, is full or refuses them."""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
import valkey
from tests.support.backends import Kind, every_kind
from tests.support.cachefaces import AwaitedCache, Source, cache_of
from tests.support.outages import record, verbs
from tests.support.waiting import auntil, until

from valkey_redis.commands import Command
from valkey_redis.debts import MOST_OWED, Debts
from valkey_redis.embedded import EmbeddedServer
from workshop.recorder import Recorder

TIMEOUT = 0.2  # seconds, of the client
SHORT = {"timeout": TIMEOUT, "connect_timeout": TIMEOUT}
BOUND = 10.0  # seconds: generous


@pytest.fixture
def own(request: pytest.FixtureRequest) -> Iterator[EmbeddedServer]:
    """Return a server that the test may kill."""
    request.getfixturevalue("server")  # decides on the platform, and fails first if it must
    with EmbeddedServer() as started:
        yield started


class Scene:
    """A cache whose commands are recorded, and another process's cache beside it."""

    def __init__(self, cache: AwaitedCache, other: AwaitedCache, recorder: Recorder) -> None:
        self.cache, self.other, self.recorder = cache, other, recorder

    async def recover(self) -> None:
        """Wait until the server is asked again."""

        async def is_open() -> bool:
            own = self.cache.own
            return own.client.breakers.are_closed and not own._debts

        await auntil(is_open, "the cache uses the server again")


@pytest_asyncio.fixture
async def scene(kind: Kind, own: EmbeddedServer) -> AsyncIterator[Scene]:
    """Return a scene on the test's own server."""
    async with kind.client(own.url, **SHORT) as client, kind.client(own.url, **SHORT) as theirs:
        recorder = record(client)
        made = Scene(cache_of(client, beta=0), cache_of(theirs, beta=0), recorder)
        yield made
        await made.cache.close()
        await made.other.close()


async def every_call(cache: AwaitedCache) -> list[Any]:
    """Make each kind of call once; return the answers."""
    return [
        await cache.get("k", "default"),
        await cache.get_many(["k", "l"]),
        await cache.exists("k"),
        await cache.get_or_set("k", lambda: "loaded"),
        await cache.get_or_set("t", lambda: "loaded", tags=["tag"]),
        await cache.get_or_set_many(["k", "l"], lambda keys: dict.fromkeys(keys, "loaded")),
        await cache.refresh("k", lambda: "loaded"),
        await cache.write_through("k", lambda: "written"),
        (await cache.warm(["k"], lambda keys: dict.fromkeys(keys, "loaded"))).warm,
        await cache.set("k", 1),
        await cache.set_many({"k": 1, "l": 2}, tags=["tag"]),
        await cache.invalidate("k", "l"),
        await cache.delete("k"),
        await cache.invalidate_tags("tag"),
        await cache.flush_namespace(),
    ]


BOTH = {"k": "loaded", "l": "loaded"}
AWAY = [
    *("default", {}, False, "loaded", "loaded", BOTH, "loaded", "written", ["k"]),
    *([False] * 6),
]


@every_kind
@pytest.mark.parametrize("how", ["kill", "pause"])
async def test_every_method_works_without_a_server(scene: Scene, own: Any, how: str) -> None:
    """Reads miss, loads go on, and what cannot be told is said: nothing is raised."""
    await scene.cache.set("k", "stored")
    getattr(own, how)()
    begun = time.monotonic()
    for _ in range(3):
        assert await every_call(scene.cache) == AWAY
    assert time.monotonic() - begun < BOUND


@every_kind
async def test_after_one_failure_nobody_asks_a_hung_server(
    scene: Scene, own: EmbeddedServer, caplog: pytest.LogCaptureFixture
) -> None:
    """One caller pays for one command; the next hundreds send nothing at all, and log nothing."""
    await scene.cache.get("k")
    own.pause()
    scene.recorder.clear()
    for _ in range(20):
        await every_call(scene.cache)
    assert verbs(scene.recorder) == ["MGET"]
    assert [record.name for record in caplog.records] == ["valkey_redis.breakers"]
    own.resume()
    await scene.recover()


@every_kind
@pytest.mark.parametrize("how", ["kill", "pause"])
async def test_a_server_that_is_back_is_used_again(scene: Scene, own: Any, how: str) -> None:
    """By itself: values are stored and found, and loaded no more."""
    getattr(own, how)()
    assert await scene.cache.get("k") is None
    own.start() if how == "kill" else own.resume()
    await scene.recover()
    source = Source("loaded")
    for _ in range(2):
        assert await scene.cache.get_or_set("k", source) == "loaded"
    assert (source.loads, await scene.cache.set("k", 2)) == (1, True)


# What is owed ----------------------------------------------------------------------------


@every_kind
async def test_what_was_invalidated_during_a_hang_is_never_read_again(
    scene: Scene, own: EmbeddedServer
) -> None:
    """The first command about it after the hang deletes it, however it was invalidated or replaced."""
    cache = scene.cache
    names = ["invalidate", "delete", "set", "set_many", "write_through", "tags"]
    for name in names:
        await scene.other.set(name, "old", tags=["tag"] if name == "tags" else [])
    await cache.get("other")  # connects
    own.pause()
    scene.recorder.clear()
    assert await cache.invalidate("invalidate") is False
    assert await cache.delete("delete") is False
    assert await cache.set("set", "new") is False
    assert await cache.set_many({"set_many": "new"}) is False
    assert await cache.write_through("write_through", lambda: "new") == "new"
    assert await cache.invalidate_tags("tag") is False
    seen = [await cache.get(name) for name in names]
    own.resume()

    async def found() -> bool:
        seen.extend([await cache.get_or_set(name, lambda: "new") for name in names])
        return await cache.get_many(names) == dict.fromkeys(names, "new")

    await auntil(found, "the new values are stored")
    assert set(seen) == {None, "new"}
    # What lies under the tag may be looked at: that the tag is owed makes it invalid.
    owed = {cache.own._keys.entry(name) for name in names if name != "tags"}
    sent = [
        entry.words[0]
        for entry in scene.recorder.sent
        if entry.words[0] in {"UNLINK", "MGET"}
        and (entry.words[0] == "UNLINK" or not owed.isdisjoint(entry.words))
    ]
    assert sent[: sent.index("MGET")] == ["UNLINK"] * (1 + len(names))
    assert await scene.other.get_many(names) == dict.fromkeys(names, "new")


@every_kind
async def test_a_flush_during_a_hang_is_delivered(scene: Scene, own: EmbeddedServer) -> None:
    """Every value is invalid, also those that nobody named."""
    await scene.other.set_many({str(i): i for i in range(300)})
    own.pause()
    assert await scene.cache.flush_namespace() is False
    own.resume()
    await scene.recover()
    assert await scene.cache.get_many([str(i) for i in range(300)]) == {}


@every_kind
@pytest.mark.parametrize("more", [0, 1])
async def test_too_much_that_is_owed_invalidates_everything(
    scene: Scene, own: EmbeddedServer, more: int
) -> None:
    """Up to the bound each key is deleted, and no other; beyond it, all values are."""
    await scene.other.set_many({"0": "old", "other": "kept"})
    own.pause()
    assert await scene.cache.get("other") is None
    half = (MOST_OWED + more) // 2
    await scene.cache.invalidate(*map(str, range(half)))
    await scene.cache.invalidate(*map(str, range(half, MOST_OWED + more)))
    own.resume()
    await scene.recover()
    kept = {} if more else {"other": "kept"}
    assert await scene.cache.get_many(["0", "other"]) == kept


@every_kind
async def test_a_load_that_began_before_the_outage_stores_nothing_after_it(
    scene: Scene, own: EmbeddedServer
) -> None:
    """The row changed and was invalidated while there was no server: the old value is not stored."""

    def load() -> str:
        own.pause()
        assert own.is_running
        return "old"

    assert await scene.cache.get_or_set("k", load) == "old"
    assert await scene.cache.invalidate("k") is False
    own.resume()
    await scene.recover()
    assert await scene.cache.get("k") is None
    assert await scene.other.get("k") is None


# Refusals --------------------------------------------------------------------------------


def _warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@every_kind
async def test_a_full_server_only_means_that_nothing_is_stored(
    scene: Scene, own: EmbeddedServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Values are returned, nothing is raised, what is there is read, invalidations work."""
    await scene.cache.set_many({"a": 1, "b": 2, "c": 3, "d": 4})
    with valkey.Valkey(port=own.port) as node:
        node.config_set("maxmemory", 1)
        for _ in range(3):
            assert await scene.cache.get_or_set("new", lambda: "loaded") == "loaded"
        assert await scene.cache.get_or_set_many(["x"], lambda _: {"x": 1}) == {"x": 1}
        assert await scene.cache.write_through("c", lambda: "written") == "written"
        assert await scene.cache.set("b", "newer") is False
        assert await scene.cache.invalidate("d") is True
        # Neither the replaced nor the invalidated values are there any more.
        assert await scene.cache.get_many(["a", "b", "c", "d", "new"]) == {"a": 1}
        assert len(_warnings(caplog)) == 1
        node.config_set("maxmemory", 0)
    assert await scene.cache.set("b", "newer") is True
    assert await scene.cache.get("b") == "newer"


@every_kind
async def test_a_wrong_password_is_logged_once_and_nothing_else(
    kind: Kind, own: EmbeddedServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Loads go on; the warning names the server and no secret; the right password is used at once."""
    with valkey.Valkey(port=own.port) as node:
        node.config_set("requirepass", "right-hunter2")
        async with kind.client(own.url, **SHORT, password="wrong-hunter2") as client:
            cache = cache_of(client)
            for _ in range(3):
                assert await every_call(cache) == AWAY
            (warning,) = _warnings(caplog)
            assert f"127.0.0.1:{own.port}" in warning
            assert "hunter2" not in caplog.text
            node.config_set("requirepass", "wrong-hunter2")

            async def stores() -> bool:
                return await cache.set("k", 1) is True

            await auntil(stores, "the password is right now")
            await cache.close()


@every_kind
async def test_a_user_who_may_not_store_is_logged_once(
    kind: Kind, own: EmbeddedServer, caplog: pytest.LogCaptureFixture
) -> None:
    """NOPERM for the scripts only: it is said once, nothing is raised, and reads are not refused."""
    with valkey.Valkey(port=own.port) as node:
        rights = ["reset", "on", ">hunter2", "~*", "+@read", "+unlink", "+@connection"]
        node.execute_command("ACL", "SETUSER", "reader", *rights)
    async with kind.client(own.url, **SHORT, username="reader", password="hunter2") as client:
        recorder = record(client)
        cache = cache_of(client)
        for _ in range(3):
            assert await cache.get_or_set("k", lambda: "loaded") == "loaded"
        assert verbs(recorder).count("MGET") == 3
        assert len(_warnings(caplog)) == 1
        assert "hunter2" not in caplog.text
        await cache.close()


# A cache that is closed --------------------------------------------------------------------


@every_kind
async def test_what_is_closed_leaves_nobody_behind(kind: Kind, own: EmbeddedServer) -> None:
    """Neither a thread nor a task goes on asking, or delivering what is owed."""
    async with kind.client(own.url, **SHORT) as client:
        cache = cache_of(client)
        own.kill()
        await cache.invalidate("k")
        await cache.invalidate("l")
        assert _at_work() == ["debts", "probe"]
        await cache.close()
        until(lambda: _at_work() == ["probe"], "nobody delivers any more")
    await asyncio.sleep(0)  # a cancelled task ends in the loop's next turn
    until(lambda: not _at_work(), "nobody asks any more")


@every_kind
async def test_what_a_closed_cache_owed_is_delivered_when_it_is_used_again(
    scene: Scene, own: EmbeddedServer
) -> None:
    """Who delivered, and who looked whether the server is back, ended with close(), or in a fork.

    Whoever meets what is owed begins both anew.
    """
    await scene.other.set("k", "old")
    own.pause()
    assert await scene.cache.invalidate("k") is False
    await scene.cache.close()
    scene.cache.own.client.breakers.close()
    await asyncio.sleep(0)  # a cancelled task ends in the loop's next turn
    until(lambda: "probe" not in _at_work(), "nobody looks any more")
    own.resume()
    assert scene.cache.own._debts

    async def is_new() -> bool:
        return await scene.cache.get_or_set("k", lambda: "new") == "new" and bool(
            await scene.cache.exists("k")
        )

    await auntil(is_new, "the new value is stored")
    assert await scene.other.get("k") == "new"


def _at_work() -> list[str]:
    threads = [thread.name.removeprefix("valkey_redis ") for thread in threading.enumerate()]
    tasks = [getattr(task.get_coro(), "__name__", "") for task in asyncio.all_tasks()]
    named = [{"_look": "probe", "_pay": "debts"}.get(name) for name in tasks]
    return sorted(name for name in (*threads, *named) if name in {"probe", "debts"})


# The decisions -----------------------------------------------------------------------------


def test_what_comes_to_be_owed_anew_while_it_is_deleted_stays_owed() -> None:
    """Another process may have stored its old value after that deletion."""
    debts = Debts(["everything"])
    debts.add(["a", "b"])
    owed = debts.owed()
    debts.add(["b"])
    assert debts.delivered(owed) is False
    assert list(debts.owed()) == ["b"]
    assert debts.delivered(debts.owed()) is True
    assert not debts


def test_one_delivers_for_all() -> None:
    """Whoever owes first must begin to deliver; once more after all was delivered, or if that one died."""
    debts = Debts(["everything"])
    begun = []
    for key in "abc":
        debts.add([key])
        begun.append(debts.take_on(is_alive=True))
    assert begun == [True, False, False]
    assert sorted(debts.owed()) == ["a", "b", "c"]
    assert debts.take_on(is_alive=False) is True
    assert debts.delivered(debts.owed()) is True
    assert debts.take_on(is_alive=False) is False  # there is nothing
    debts.add(["d"])
    assert debts.take_on(is_alive=True) is True


def test_only_what_is_owed_is_done_without() -> None:
    """A command that names a key that is owed; no other."""
    debts = Debts(["everything"])
    debts.add(["a"])
    commands = [Command(("MGET", key, "epoch"), int) for key in "ab"]
    assert [debts.concern([command]) for command in commands] == [True, False]
    assert debts.concern(commands)
