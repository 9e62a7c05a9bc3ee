"""An old value serves while it is loaded anew: after its end, and before, over every combination."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.support.cachefaces import BOUND, AwaitedCache, Loader, Source, cache_of
from tests.support.waiting import auntil

STALE_FOR = 1000  # seconds
LEASE = 600.0  # seconds: whoever waited for one would fail the test
LONG_LOAD = "9999999999"  # microseconds, in a header


@pytest_asyncio.fixture
async def cache(client: Any) -> AsyncIterator[AwaitedCache]:
    """Return a cache that serves stale values, and waits for no refresh."""
    made = cache_of(client, stale_ttl=STALE_FOR, beta=0, lease=LEASE)
    yield made
    await made.close()


@pytest_asyncio.fixture
async def patient(client: Any) -> AsyncIterator[AwaitedCache]:
    """Return one that waits for a refresh as long as it takes."""
    made = cache_of(client, stale_ttl=STALE_FOR, soft_timeout=BOUND, beta=0, lease=LEASE)
    yield made
    await made.close()


@pytest_asyncio.fixture
async def eager(client: Any) -> AsyncIterator[AwaitedCache]:
    """Return one that refreshes early whenever it may, and serves nothing stale."""
    made = cache_of(client, beta=100, lease=LEASE)
    yield made
    await made.close()


async def write_header(client: Any, at: int, text: str) -> None:
    """Write into the header of the one entry there is."""
    (name,) = [key async for key in client.scan() if ":cache:" in key]
    await client.raw.execute_command("SETRANGE", name, at, text)


async def let_be_fresh_for(client: Any, seconds: float) -> None:
    """Let the entry's value be fresh for so long, or stale since so long."""
    await write_header(client, 5, f"{(time.time() + seconds) * 1000:013.0f}")


# After its end ---------------------------------------------------------------------------


async def test_a_stale_value_serves_while_it_is_loaded_once(
    client: Any, cache: AwaitedCache
) -> None:
    """Whoever asks gets the old value at once; one load goes on behind, and is there then."""
    await cache.set("k", "old")
    await let_be_fresh_for(client, -1)
    loader = Loader("new")
    for _ in range(5):
        assert await cache.get_or_set("k", loader) == "old"
    await loader.has_begun()
    assert await cache.get_or_set("k", loader) == "old"
    loader.end.set()

    async def is_new() -> bool:
        return bool(await cache.get("k") == "new")

    await auntil(is_new, "the new value is there")
    assert await cache.get_or_set("k", loader) == "new"
    assert loader.loads == 1
    assert cache.own.get_stats().counts["stale"] == 6


async def test_only_who_loads_gets_a_stale_value(client: Any, cache: AwaitedCache) -> None:
    """get, get_many, exists and get_or_set_many take fresh values only."""
    await cache.set("k", "old")
    await let_be_fresh_for(client, -1)
    assert await cache.get("k") is None
    assert await cache.get_many(["k"]) == {}
    assert await cache.exists("k") is False
    assert await cache.get_or_set_many(["k"], Source({"k": "new"}).many) == {"k": "new"}
    assert await cache.get("k") == "new"


async def test_a_refresh_in_time_is_waited_for(client: Any, patient: AwaitedCache) -> None:
    """Within `soft_timeout` the caller gets the new value."""
    await patient.set("k", "old")
    await let_be_fresh_for(client, -1)
    assert await patient.get_or_set("k", Source("new")) == "new"
    assert await patient.get("k") == "new"


async def test_a_failed_refresh_leaves_the_stale_value(client: Any, patient: AwaitedCache) -> None:
    """The failure is counted, raised to nobody, and not repeated by every caller."""
    await patient.set("k", "old")
    await let_be_fresh_for(client, -1)
    source = Source(ZeroDivisionError())
    for _ in range(3):
        assert await patient.get_or_set("k", source) == "old"
    assert source.loads == 1
    assert patient.own.get_stats().counts["load_error"] == 1


@pytest.mark.parametrize("how", ["invalidate", "delete", "invalidate_tags", "flush_namespace"])
async def test_an_invalidation_beats_a_stale_value(
    client: Any, cache: AwaitedCache, how: str
) -> None:
    """What was invalidated is not served, stale or not, and neither is a refresh begun before."""
    await cache.set("k", "old", tags=["t"])
    await let_be_fresh_for(client, -1)
    loader = Loader("old, too")
    assert await cache.get_or_set("k", loader, tags=["t"]) == "old"
    await loader.has_begun()
    arguments = {"invalidate_tags": ["t"], "flush_namespace": []}.get(how, ["k"])
    await getattr(cache, how)(*arguments)
    if how in {"invalidate", "delete"}:  # elsewhere the refresh's lease would be waited for
        assert await cache.get_or_set("k", Source("new"), tags=["t"]) == "new"
    loader.end.set()

    async def is_new() -> bool:
        return bool(await cache.get_or_set("k", Source("new"), tags=["t"]) == "new")

    await auntil(is_new, "the new value is there")
    assert await cache.get("k") == "new"


async def test_after_its_stale_time_a_value_is_a_miss(client: Any, cache: AwaitedCache) -> None:
    """It is loaded as if it were not there; so it is for a call whose stale_ttl is shorter."""
    await cache.set("k", "old")
    await let_be_fresh_for(client, -STALE_FOR - 1)
    assert await cache.get_or_set("k", Source("new")) == "new"
    for stale_ttl in (0, 5):
        await let_be_fresh_for(client, -10)
        assert await cache.get_or_set("k", Source(stale_ttl), stale_ttl=stale_ttl) == stale_ttl
    await let_be_fresh_for(client, -10)
    assert await cache.get_or_set("k", Loader("new"), stale_ttl=100) == 5


async def test_closing_ends_a_refresh_wherever_it_is(client: Any, cache: AwaitedCache) -> None:
    """In a command, in a connection's check or in the loader: nobody waits for the load's end."""
    for turns in range(10):
        await cache.set("k", "old")
        await let_be_fresh_for(client, -1)
        loader = Loader("new")
        assert await cache.get_or_set("k", loader) == "old"
        for _ in range(turns):
            await asyncio.sleep(0)
        await asyncio.wait_for(cache.close(), BOUND)
        loader.end.set()


# Before its end --------------------------------------------------------------------------


async def nearly_stale(client: Any, cache: AwaitedCache, seconds: float) -> None:
    """Store a value that took hours to load and is fresh for some seconds more."""
    await cache.set("k", "old")
    await let_be_fresh_for(client, seconds)
    await write_header(client, 19, LONG_LOAD)


async def test_a_value_is_loaded_early(client: Any, eager: AwaitedCache) -> None:
    """Who is the first to ask shortly before the end loads, and has the new value."""
    await nearly_stale(client, eager, 60)
    assert await eager.get_or_set("k", Source("new")) == "new"
    assert await eager.get("k") == "new"


async def test_without_beta_nothing_is_loaded_early(client: Any, cache: AwaitedCache) -> None:
    """`beta=0` switches it off."""
    await nearly_stale(client, cache, 60)
    assert await cache.get_or_set("k", Source("new")) == "old"


async def test_a_quick_load_is_not_made_early(client: Any, eager: AwaitedCache) -> None:
    """What costs nothing is loaded when it is needed."""
    await eager.set("k", "old")
    await let_be_fresh_for(client, 60)
    assert await eager.get_or_set("k", Source("new")) == "old"


async def test_an_early_load_is_one_at_a_time(client: Any, eager: AwaitedCache) -> None:
    """Who asks while somebody loads early has the value at hand, and waits for nobody."""
    await nearly_stale(client, eager, 60)
    other = cache_of(client, beta=100, lease=LEASE)
    seen: list[Any] = []
    source = Source("newer")

    def load() -> str:
        own: Any = other.own
        if hasattr(own, "_flights") and not hasattr(own, "_tasks"):
            seen.append(own.get_or_set("k", source))
        return "new"

    assert await eager.get_or_set("k", load) == "new"
    assert source.loads == 0
    assert seen in ([], ["old"])


async def test_a_failed_early_load_leaves_the_value_at_hand(
    client: Any, eager: AwaitedCache
) -> None:
    """Nobody is told, nobody tries again at once, and the value's end comes as it would."""
    await nearly_stale(client, eager, 60)
    source = Source(ZeroDivisionError())
    for _ in range(3):
        assert await eager.get_or_set("k", source) == "old"
    assert source.loads == 1
    # The failed load's lease ends with the value: nobody waits for a load that is over.
    (name,) = [key async for key in client.scan() if ":cache:" in key]
    until = await client.raw.execute_command("GETRANGE", name, 47, 59)
    assert 30 < int(until) / 1000 - time.time() <= 60 < LEASE
