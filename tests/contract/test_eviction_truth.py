"""The caches beside the reference: hit for hit, with lifetimes, in every interleaving."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import fakeredis
import hypothesis.strategies as st
import pytest
import time_machine
from hypothesis import given, settings
from tests.support.cachelab import of_bytes
from tests.support.evicting import PAIRS, REFERENCES, require_agreement
from tests.support.proxy import Proxy

from valkey_redis import (
    EvictionPolicyWarning,
    LRUCache,
    OutOfMemoryError,
    ServerUnavailableError,
    ValkeyClient,
    ValkeyConfig,
)
from valkey_redis.embedded import EmbeddedServer
from valkey_redis.simulate import WORKLOADS
from workshop.interleave import explore
from workshop.lab import Lab, open_backend
from workshop.schedule import End, Explored

START = 1_700_000_000


def sync(client: ValkeyClient, policy: str, capacity: int, **options: Any) -> Any:
    """Return a cache of the sync face under the policy."""
    half_life = {"half_life": 50} if policy == "aged" else {}
    return PAIRS[policy][0](client, "t", capacity, **half_life, **options)


@pytest.fixture(params=["fakeredis", "valkey"])
def client(request: pytest.FixtureRequest, server: EmbeddedServer) -> Iterator[ValkeyClient]:
    """Yield a client of an empty fakeredis, and of an empty real server."""
    raw = fakeredis.FakeValkey() if request.param == "fakeredis" else None
    config = None if raw else ValkeyConfig(url=f"{server.url}/6")
    with ValkeyClient(config, raw=raw) as made:
        made.raw.execute_command("FLUSHDB")
        yield made


@pytest.mark.parametrize("workload", WORKLOADS)
@pytest.mark.parametrize("policy", PAIRS)
def test_hit_for_hit_as_the_reference(policy: str, workload: str, client: ValkeyClient) -> None:
    """On five workloads each request hits or misses, and the order is, as the reference says."""
    # fakeredis takes ten times as long: a smaller cache has as many evictions there
    capacity, length = (4, 60) if isinstance(client.raw, fakeredis.FakeValkey) else (12, 600)
    cache, reference = sync(client, policy, capacity), REFERENCES[policy](capacity)
    for turn, number in enumerate(WORKLOADS[workload](length, 42)):
        key = str(number % (3 * capacity))
        is_there = cache.get(key) is not None
        assert reference.access(key) == is_there, f"request {turn}"
        if not is_there:
            cache.set(key, number)
    assert cache.keys() == reference.keys()
    require_agreement(cache, client.raw)


@pytest.mark.parametrize("policy", PAIRS)
def test_a_cache_of_one_works(client: ValkeyClient, policy: str) -> None:
    """The newcomer is in, and the other out."""
    cache = sync(client, policy, 1)
    for key in "abab":
        cache.set(key, key)
        assert cache.keys() == [key]
        assert cache.get(key) == key


STEPS = st.one_of(
    st.tuples(st.just("get"), st.integers(0, 7)),
    st.tuples(st.just("set"), st.integers(0, 7)),
    st.tuples(st.just("set for 5 s"), st.integers(0, 7)),
    st.tuples(st.just("delete"), st.integers(0, 7)),
    st.tuples(st.just("wait"), st.integers(1, 4)),
    st.tuples(st.just("resize"), st.integers(1, 6)),
)


@pytest.mark.parametrize("policy", PAIRS)
@settings(max_examples=20, deadline=None)
@given(steps=st.lists(STEPS, max_size=40))
def test_lifetimes_never_disturb_the_order(policy: str, steps: list[tuple[str, int]]) -> None:
    """Whatever is done, the cache is its reference from which what ends is deleted at its end."""
    with time_machine.travel(START, tick=False) as clock, ValkeyClient(raw=FAKE) as client:
        FAKE.flushdb()
        cache, reference = sync(client, policy, 4), REFERENCES[policy](4)
        ends: dict[str, float] = {}
        now = 0.0
        for what, number in steps:
            key = str(number)
            if what == "get":
                assert (cache.get(key) is not None) == reference.get(key)
            elif what.startswith("set"):
                gone = reference.set(key)
                assert cache.set(key, number, ttl=5 if "5" in what else None) == len(gone)
                for other in gone:
                    ends.pop(str(other), None)
                ends.pop(key, None)
                if "5" in what:
                    ends[key] = now + 5
            elif what == "delete":
                assert cache.delete(key) == reference.delete(key)
                ends.pop(key, None)
            elif what == "wait":
                clock.shift(number)
                now += number
                for over in sorted((end, key) for key, end in ends.items() if end <= now):
                    reference.delete(over[1])
                    del ends[over[1]]
            else:
                gone = reference.resize(number)
                assert cache.resize(number) >= len(gone)
                for other in gone:
                    ends.pop(str(other), None)
            assert cache.len() == len(reference)
            assert cache.exists(key) == (key in reference)
        # What has ended is noticed by the next write at the latest: SIEVE's hand may pass it until then.
        cache.set("last", 1)
        reference.set("last")
        assert cache.keys() == reference.keys()
        require_agreement(cache, FAKE)


FAKE = fakeredis.FakeValkey()


def test_a_crowd_that_ends_is_purged_in_parts() -> None:
    """Hundreds that end at once are not counted from then on, and go a hundred with each write."""
    with time_machine.travel(START, tick=False) as clock, ValkeyClient(raw=FAKE) as client:
        FAKE.flushdb()
        cache = LRUCache(client, "t", 250)
        for number in range(250):
            cache.set(str(number), number, ttl=5)
        clock.shift(5)
        assert cache.len() == 0
        assert cache.keys() == []
        assert cache.get_many(map(str, range(250))) == {}
        assert not cache.exists("0")
        assert cache.delete("0") == 0
        assert cache.set("249", "new") == 0
        assert cache.len() == 1
        assert FAKE.zcard(cache._shards[0].keys[1]) == 149  # a hundred, those two, and one back
        assert [cache.set(f"new {number}", 1) for number in range(249)] == [0] * 249
        assert cache.len() == 250
        assert cache.set("one more", 1) == 1
        require_agreement(cache, FAKE)


def test_a_lifetime_is_the_last_one_given(client: ValkeyClient) -> None:
    """Who is written again without a lifetime stays; the cache's own holds where none is given."""
    cache = LRUCache(client, "t", 10, ttl=1000)
    ends = cache._shards[0].keys[2]
    cache.set("a", 1)
    cache.set("b", 1, ttl=50)
    [(_, sooner), (_, later)] = client.raw.zrange(ends, 0, -1, withscores=True)
    assert 940_000 <= later - sooner <= 950_000
    LRUCache(client, "t", 10).set("a", 2)
    assert client.raw.zcard(ends) == 1
    assert cache.get_many(["a", "b"]) == {"a": 2, "b": 1}
    require_agreement(cache, client.raw)


# What the server does to it ----------------------------------------------------------------


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_part_that_was_evicted_is_noticed(client: ValkeyClient, lost: int) -> None:
    """Without its values, its order or its lifetimes a cache begins anew, and says so."""
    cache = LRUCache(client, "t", 3)
    for key in "abc":
        cache.set(key, key, ttl=1000)
    client.raw.delete(cache._shards[0].keys[lost])
    for key in "defgh":
        cache.set(key, key)
    assert cache.keys() == ["f", "g", "h"]
    assert cache.stats().losses == 1
    assert cache.get_many("abcdefgh") == {"f": "f", "g": "g", "h": "h"}
    require_agreement(cache, client.raw)


def test_a_server_that_evicts_it_whole() -> None:
    """Under allkeys-lru the server throws away the whole cache; it warns before, and goes on after."""
    options = {"maxmemory": "4mb", "maxmemory-policy": "allkeys-lru"}
    with EmbeddedServer(settings=options) as server, ValkeyClient(server.url) as client:
        cache = LRUCache(client, "t", 10_000)
        with pytest.warns(EvictionPolicyWarning, match="allkeys-lru, so it may evict this whole"):
            cache.set("first", 1)
        for number in range(3000):
            with suppress(OutOfMemoryError):  # while the server is still freeing the whole of it
                cache.set(str(number), "x" * 1000)
        stats = cache.stats()
        assert stats.inserts < 3000  # it has begun anew, and its account too
        assert stats.evictions == 0
        assert cache.get("2999") == "x" * 1000
        assert len(cache.keys()) == stats.entries
        require_agreement(cache, client.raw)


@pytest.mark.parametrize(
    "options",
    [
        {"maxmemory": "0", "maxmemory-policy": "allkeys-lru"},
        {"maxmemory": "9mb", "maxmemory-policy": "noeviction"},
        {"maxmemory": "9mb", "maxmemory-policy": "volatile-lru"},
    ],
    ids=lambda options: options["maxmemory-policy"],
)
def test_no_warning_where_nothing_threatens(options: dict[str, str]) -> None:
    """Without a limit, or where only keys with an expiry are evicted, the cache is safe."""
    with EmbeddedServer(settings=options) as server, ValkeyClient(server.url) as client:
        LRUCache(client, "t", 10).set("a", 1)  # a warning would be an error: see pyproject.toml


def test_a_lost_reply(server: EmbeddedServer) -> None:
    """A read is asked again; a write raises, and has been done or not, but whole."""
    with Proxy(server.port) as proxy, ValkeyClient(f"valkey://127.0.0.1:{proxy.port}/7") as client:
        client.raw.execute_command("FLUSHDB")
        cache = LRUCache(client, "t", 2)
        cache.set("a", 1)
        cache.set("b", 2)
        proxy.lose_reply(b"EVALSHA")
        assert cache.get("a") == 1
        proxy.lose_reply(b"EVALSHA")
        with pytest.raises(ServerUnavailableError):
            cache.set("c", 3)
        assert cache.keys() == ["a", "c"]
        require_agreement(cache, client.raw)


# Every interleaving ------------------------------------------------------------------------


@pytest.fixture
def lab(server: EmbeddedServer) -> Iterator[Lab]:
    """Yield a lab on a real server."""
    with open_backend("valkey", f"{server.url}/8") as make:
        made = of_bytes(make())
        yield made
        made.close()


@pytest.mark.parametrize("policy", PAIRS)
def test_in_every_interleaving(
    lab: Lab, policy: str, record_property: Callable[[str, object], None]
) -> None:
    """Two use a full cache, and one may die: never above capacity, values and order agree."""

    def cache(raw: Any) -> Any:
        return sync(ValkeyClient(raw=raw), policy, 2, max_bytes=100)

    def fill(raw: Any) -> None:
        full = cache(raw)
        full.set("a", 1)
        full.set("b", 1, ttl=100)

    def writer(raw: Any) -> None:
        own = cache(raw)
        own._is_checked = True  # INFO is no step of the cache
        if own.get("a") is None:
            own.set("a", 2)
        own.set("c", 3)

    def other(raw: Any) -> None:
        own = cache(raw)
        own._is_checked = True
        own.set("d", 4, ttl=100)
        own.delete("a")
        own.get("b")

    def check(end: End) -> None:
        require_agreement(cache(end.server), end.server)

    explored: Explored = explore(fill, [writer, other], check, crashes=True, lab=lab)
    record_property("schedules", explored.schedules)
    print(explored)  # noqa: T201 - shown with -rP
    assert explored.schedules > 2
