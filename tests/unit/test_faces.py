"""Both faces have one surface, and the default clients are one for each loop."""

import asyncio
import inspect
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any

import pytest

from valkey_redis import (
    Acquisition,
    AsyncAcquisition,
    AsyncCache,
    AsyncFIFOCache,
    AsyncLFUCache,
    AsyncLock,
    AsyncLRUCache,
    AsyncModelStore,
    AsyncRateLimiter,
    AsyncRedlock,
    AsyncSessionStore,
    AsyncValkeyClient,
    AsyncValkeyHealth,
    AsyncWriteBehind,
    Cache,
    ConfigurationError,
    FIFOCache,
    LFUCache,
    Lock,
    LRUCache,
    ModelStore,
    RateLimiter,
    Redlock,
    SessionStore,
    ValkeyClient,
    ValkeyConfig,
    ValkeyHealth,
    WriteBehind,
    configure,
    get_async_cache,
    get_async_client,
    get_cache,
    get_client,
)
from valkey_redis.cached import AsyncBatchCached, AsyncCached, BatchCached, Cached
from valkey_redis.pipeline import AsyncPipeline, Pipeline
from valkey_redis.pubsub import AsyncPubSub, PubSub
from valkey_redis.redlock import AsyncRedlockAcquisition, RedlockAcquisition

PAIRS = [
    (ValkeyClient, AsyncValkeyClient),
    (Pipeline, AsyncPipeline),
    (PubSub, AsyncPubSub),
    (ValkeyHealth, AsyncValkeyHealth),
    (Cache, AsyncCache),
    (ModelStore, AsyncModelStore),
    (WriteBehind, AsyncWriteBehind),
    (Lock, AsyncLock),
    (Acquisition, AsyncAcquisition),
    (Redlock, AsyncRedlock),
    (RedlockAcquisition, AsyncRedlockAcquisition),
    (RateLimiter, AsyncRateLimiter),
    (SessionStore, AsyncSessionStore),
    (FIFOCache, AsyncFIFOCache),
    (LRUCache, AsyncLRUCache),
    (LFUCache, AsyncLFUCache),
    (Cached, AsyncCached),
    (BatchCached, AsyncBatchCached),
]
# Python's own names for the same thing.
DUNDERS = {"__aenter__": "__enter__", "__aexit__": "__exit__", "__aiter__": "__iter__"}
OWN = {"__init__", "__enter__", "__exit__", "__iter__", "__repr__"}


def _surface(face: type) -> dict[str, Any]:
    """Return the public names with their parameters, defaults and docstrings."""
    found = {}
    for owner in reversed(face.__mro__[:-1]):
        for given, member in vars(owner).items():
            name = DUNDERS.get(given, given)
            function = getattr(member, "__func__", getattr(member, "fget", member))
            if name in OWN or not name.startswith("_"):
                parameters = [
                    (item.name, item.kind, item.default)
                    for item in inspect.signature(function).parameters.values()
                ]
                found[name] = parameters, inspect.getdoc(function) if given == name else None
    if "__init__" in found:
        found["__init__"] = found["__init__"][0], None
    return found


@pytest.mark.parametrize(("sync", "async_"), PAIRS, ids=[pair[0].__name__ for pair in PAIRS])
def test_both_faces_have_the_same_surface(sync: type, async_: type) -> None:
    """The same public names, parameters, defaults and docstrings."""
    left, right = _surface(sync), _surface(async_)
    for name in DUNDERS.values():
        if name in left and name in right:
            left[name], right[name] = left[name][0], right[name][0]
    assert len(left) > 2
    assert left == right


@pytest.mark.parametrize(("sync", "async_"), PAIRS, ids=[pair[0].__name__ for pair in PAIRS])
def test_both_faces_are_documented(sync: type, async_: type) -> None:
    """Every public method says what it does."""
    for face in (sync, async_):
        assert face.__doc__
        for name, member in inspect.getmembers(face, inspect.isfunction):
            assert name.startswith("_") or member.__doc__, name


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    """Leave no default client behind."""
    configure()
    yield
    configure()


def test_there_is_one_default_client() -> None:
    """It is made on the first call, by the settings of then."""
    assert get_client() is get_client()


def test_configure_replaces_the_default_client() -> None:
    """From then on get_client() gives one of the new settings; the old one stays as it is."""
    before = get_client()
    configure(ValkeyConfig(port=7001))
    assert repr(get_client()) == "ValkeyClient(valkey://127.0.0.1:7001)"
    assert repr(before) == "ValkeyClient(valkey://127.0.0.1:6379)"
    configure()
    assert repr(get_client()) == "ValkeyClient(valkey://127.0.0.1:6379)"


def test_the_default_client_reads_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is read at import: a variable that is set later counts."""
    monkeypatch.setenv("VALKEY_URL", "redis://127.0.0.1:7002/1")
    assert repr(get_client()) == "ValkeyClient(redis://127.0.0.1:7002/1)"


def test_a_wrong_environment_is_said_and_can_be_mended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A first call that fails leaves nothing broken behind."""
    monkeypatch.setenv("VALKEY_PORT", "x")
    with pytest.raises(ConfigurationError, match="VALKEY_PORT=x"):
        get_client()
    monkeypatch.setenv("VALKEY_PORT", "7003")
    assert repr(get_client()) == "ValkeyClient(valkey://127.0.0.1:7003)"


async def test_a_loop_has_one_async_client_of_its_own() -> None:
    """An asyncio connection belongs to its loop, so another loop gets another client."""

    async def mine() -> AsyncValkeyClient:
        return get_async_client()

    here = get_async_client()
    assert here is get_async_client()
    there = await asyncio.to_thread(lambda: asyncio.run(mine()))
    assert there is not here


async def test_configure_replaces_the_async_client() -> None:
    """It counts for the loops that have a client already, too."""
    before = get_async_client()
    configure(ValkeyConfig(port=7001))
    assert get_async_client() is not before
    assert repr(get_async_client()) == "AsyncValkeyClient(valkey://127.0.0.1:7001)"


def test_without_a_loop_there_is_no_async_client() -> None:
    """The mistake is said at once."""
    with pytest.raises(RuntimeError, match="no running event loop"):
        get_async_client()


async def test_the_default_clients_work(server: Any) -> None:
    """Both talk to the server of the settings."""
    configure(server.config)
    with get_client() as client:
        client.set("k", 1)
    async with get_async_client() as client_:
        assert await client_.get("k") == 1


# The default caches ----------------------------------------------------------------------------


def test_there_is_one_default_cache() -> None:
    """It is made on the first call, over the default client, and again after configure()."""
    before = get_cache()
    assert before is get_cache()
    assert before.client is get_client()
    configure(ValkeyConfig(port=7001))
    assert get_cache() is not before
    assert repr(get_cache()) == "Cache(ValkeyClient(valkey://127.0.0.1:7001), namespace='app')"


async def test_a_loop_has_one_async_cache_of_its_own() -> None:
    """Another loop gets another; configure() replaces it."""

    async def mine() -> AsyncCache:
        return get_async_cache()

    here = get_async_cache()
    assert here is get_async_cache()
    assert here.client is get_async_client()
    assert await asyncio.to_thread(lambda: asyncio.run(mine())) is not here
    configure(ValkeyConfig(port=7001))
    assert get_async_cache() is not here


def test_without_a_loop_there_is_no_async_cache() -> None:
    """The mistake is said at once."""
    with pytest.raises(RuntimeError, match="no running event loop"):
        get_async_cache()


def test_all_threads_have_one_default_cache() -> None:
    """However many ask for it first at the same time: two would load one key twice."""
    ready = threading.Barrier(8)

    def ask(_: int) -> Cache:
        ready.wait()
        return get_cache()

    with ThreadPoolExecutor(8) as pool:
        for _ in range(20):
            configure()
            assert len(set(map(id, pool.map(ask, range(8))))) == 1


def test_a_cache_is_given_while_the_settings_change() -> None:
    """Never None, wherever in the call a configure() of another thread comes in between."""
    before = sys.gettrace()
    for step in range(1, 20):
        get_cache()
        passed = 0

        def trace(frame: FrameType, event: str, _: Any, step: int = step) -> Any:
            nonlocal passed
            if frame.f_code is not get_cache.__code__:
                return None
            frame.f_trace_opcodes = True
            passed += event == "opcode"
            if event == "opcode" and passed == step:
                configure()
            return trace

        sys.settrace(trace)
        try:
            made = get_cache()
        finally:
            sys.settrace(before)
        assert type(made) is Cache
    assert 2 < passed < 20  # it ran to its end without a change, too
