"""The caches beside the reference: hit for hit, with lifetimes, in every interleaving."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
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
    AsyncLRUCache,
    AsyncValkeyClient,
    EvictionPolicyWarning,
    LFUCache,
    LRUCache,
    OutOfMemoryError,
    ServerUnavailableError,
    ValkeyClient,
    ValkeyConfig,
)
from valkey_redis.embedded import EmbeddedServer
from valkey_redis.simulate import WORKLOADS, AgedLFU
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
    capacity, length = (4, 60) if isinstance(client.raw, fakeredis.FakeValkey) else (24, 600)
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


def test_the_hand_of_sieve_begins_anew_at_once() -> None:
    """When nobody is ahead of it any more, deleted or not: newcomers come after the oldest."""
    with ValkeyClient(raw=FAKE) as client:
        FAKE.flushdb()
        cache, reference = sync(client, "sieve", 3), REFERENCES["sieve"](3)
        for step in ("set a", "set b", "set c", "get a", "set d", "delete c", "delete d"):
            what, key = step.split()
            getattr(reference, what)(key)
            if what == "set":
                cache.set(key, key)
            else:
                getattr(cache, what)(key)
        for key in "efg":
            cache.set(key, key)
            reference.set(key)
            assert cache.keys() == reference.keys()
        assert cache.keys() == ["e", "f", "g"]


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
                assert cache.resize(number) == len(gone)
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
        assert cache.stats().evictions == 0
        assert cache.keys() == []
        assert cache.get_many(map(str, range(250))) == {}
        assert not cache.exists("0")
        assert cache.delete("0") == 0
        assert cache.set("249", "new") == 0
        assert cache.len() == 1
        assert FAKE.zcard(cache._shards[0].keys[1]) == 149  # a hundred, those two, and one back
        assert [cache.set(f"new {number}", 1) for number in range(249)] == [0] * 249
        assert (cache.len(), cache.stats().evictions) == (250, 0)
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


@pytest.mark.parametrize("half_life", [0.001, 0.4, 1e9])
def test_any_half_life_is_exact(half_life: float) -> None:
    """From one that forgets at once (LRU) to one that never does."""
    with ValkeyClient(raw=FAKE) as client:
        FAKE.flushdb()
        cache = LFUCache(client, "t", 3, half_life=half_life)
        reference = AgedLFU(3, half_life)
        for key in "aabacbbcdaaeadbbfa":
            is_there = cache.get(key) is not None
            assert reference.access(key) == is_there
            if not is_there:
                cache.set(key, key)
            assert cache.keys() == reference.keys()


def test_the_last_use_that_is_counted(client: ValkeyClient) -> None:
    """After 2^20 uses no more are added: a score stays exact, and the order of insertion in it."""
    cache = LFUCache(client, "t", 4)
    for key in "abcd":
        cache.set(key, key)
    order = cache._shards[0].keys[1]
    for key in "dc":  # as if they had been used so often
        client.raw.zincrby(order, 2**52 - 2**33, key)
        for _ in range(3):
            cache.get(key)
    assert [client.raw.zscore(order, key) for key in "cd"] == [2**52 - 2**32 + 3, 2**52 - 2**32 + 4]
    cache.get("b")
    assert cache.keys() == ["a", "b", "c", "d"]


def test_a_lifetime_is_to_the_millisecond() -> None:
    """Neither the second's beginning nor its end counts."""
    with time_machine.travel(START + 0.9, tick=False) as clock, ValkeyClient(raw=FAKE) as client:
        FAKE.flushdb()
        cache = LRUCache(client, "t", 10)
        cache.set("a", 1, ttl=0.2)
        clock.shift(0.199)
        assert cache.exists("a")
        clock.shift(0.001)
        assert not cache.exists("a")


@pytest.mark.parametrize("ttl", [1e12, timedelta(days=365 * 300)])
def test_a_lifetime_of_centuries(client: ValkeyClient, ttl: Any) -> None:
    """It is served, though 13 digits cannot say when it ends."""
    cache = LRUCache(client, "t", 10)
    cache.set("a", "whole", ttl=ttl)
    cache.set("b", 1)
    assert cache.get("a") == "whole"
    assert cache.keys() == ["b", "a"]


def test_who_has_ended_goes_before_others() -> None:
    """Also if more have ended than one purge takes, and a large one needs the room of all."""
    with time_machine.travel(START, tick=False) as clock, ValkeyClient(raw=FAKE) as client:
        FAKE.flushdb()
        cache = LRUCache(client, "t", 1000, max_bytes=6000)
        cache.set("oldest", 1)
        for number in range(150):
            cache.set(f"{number:03}", "x" * 20, ttl=5)
        clock.shift(5)
        assert cache.set("large", "x" * 5900) == 0
        assert cache.keys() == ["oldest", "large"]
        require_agreement(cache, FAKE)


def test_a_large_one_takes_the_room_of_many() -> None:
    """Of more than go in one step otherwise: a limit in bytes holds at once."""
    with ValkeyClient(raw=FAKE) as client:
        FAKE.flushdb()
        cache = LRUCache(client, "t", 1000, max_bytes=3000)
        for number in range(150):
            cache.set(f"{number:03}", "x" * 14)  # 3 + 1 + 16
        assert cache.set("large", "x" * 2892) == 145
        assert (cache.len(), cache.stats().bytes) == (6, 3000)
        require_agreement(cache, FAKE)


def test_a_smaller_client_shrinks_it_step_by_step() -> None:
    """By a hundred with each write, in entries as in bytes, and it never grows meanwhile."""
    with ValkeyClient(raw=FAKE) as client:
        for small in ({"capacity": 5}, {"capacity": 1000, "max_bytes": 100}):
            FAKE.flushdb()
            settings = {"max_bytes": 10_000} if "max_bytes" in small else {}
            cache = LRUCache(client, "t", 1000, **settings)
            for number in range(250):
                cache.set(f"{number:03}", 1)
            smaller = LRUCache(client, "t", **small)
            assert [smaller.set(f"new {turn}", "x" * 40) for turn in range(2)] == [100, 100]
            assert smaller.set("new 2", "x" * 40) in range(40, 53)
            require_agreement(smaller, FAKE)


def test_who_has_ended_is_not_evicted() -> None:
    """They make room for those that stay, also a part at a time, and are not counted as evicted."""
    with time_machine.travel(START, tick=False) as clock, ValkeyClient(raw=FAKE) as client:
        FAKE.flushdb()
        cache = LRUCache(client, "t", 1000)
        cache.set("oldest", 1)
        for number in range(350):
            cache.set(str(number), 1, ttl=5)
        clock.shift(5)
        smaller = LRUCache(client, "t", 5)
        assert smaller.set("new", 1) == 0
        assert FAKE.zcard(cache._shards[0].keys[1]) == 152  # a step is a purge, and one for room
        assert smaller.resize(2) == 0
        assert cache.keys() == ["oldest", "new"]
        assert cache.stats().evictions == 0
        require_agreement(smaller, FAKE)


def test_no_script_reads_or_deletes_more_than_a_hundred() -> None:
    """The server serves nobody else meanwhile; all of them go in one round trip."""
    with ValkeyClient(raw=FAKE) as client:
        cache = LRUCache(client, "t", 10)
        commands = cache._for_each("get", map(str, [*range(250), 7]), dict)
        assert [len(command.words) for command in commands] == [
            3 + 2 + 100,
            3 + 2 + 100,
            3 + 2 + 50,
        ]


class Terse(fakeredis.FakeValkey):
    """A server that does not say everything about its memory."""

    def execute_command(self, *words: Any, **options: Any) -> Any:
        """Leave out the limit and the policy."""
        if words[0] == "INFO":
            return {"used_memory": 1}
        return super().execute_command(*words, **options)


def test_a_server_that_does_not_tell_its_policy() -> None:
    """A managed one may leave it out: that is no reason to fail, nor to warn."""
    with ValkeyClient(raw=Terse()) as client:
        cache = LRUCache(client, "t", 2)
        cache.set("a", 1)
        assert cache.get("a") == 1


class Busy(fakeredis.FakeValkey):
    """A server on which others write whenever a command comes, a hundred times at most."""

    others: Any = None
    writes = 0

    def execute_command(self, *words: Any, **options: Any) -> Any:
        """Let the others write first."""
        others, self.others = self.others, None
        if others is not None and self.writes < 100:
            self.writes += 1
            others.set(f"other {self.writes}", 1)
        self.others = others
        return super().execute_command(*words, **options)


def test_a_resize_ends_though_others_write() -> None:
    """A client that keeps more than this one cannot hold it up for ever."""
    raw = Busy()
    with ValkeyClient(raw=raw) as client:
        cache, others = LRUCache(client, "t", 110), LRUCache(client, "t", 200)
        for number in range(110):
            cache.set(str(number), number)
        assert cache.resize(110) == 0  # the server has the script
        raw.others = others
        assert cache.resize(5) in range(105, 110)
        assert raw.writes == 2  # a hundred with the first script, the others with the second


def test_nothing_is_kept_of_a_cache_that_holds_nothing(client: ValkeyClient) -> None:
    """To delete from it, to shrink it and to look at it makes no key, which would stay for ever."""
    cache = LRUCache(client, "t", 10)
    assert cache.delete("a") == 0
    assert cache.resize(5) == 0
    assert cache.peek("a") is None
    assert cache.len() == 0
    assert client.raw.dbsize() == 0


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
    cache.set("i", "i", ttl=1000)
    client.raw.delete(cache._shards[0].keys[lost])
    cache.set("j", "j")
    assert cache.keys() == ["j"]
    assert cache.stats().losses == (2 if lost else 1)  # the account is with the values


@pytest.mark.parametrize("policy", PAIRS)
def test_a_read_does_not_hide_the_loss(policy: str) -> None:
    """An entry whose place is gone gets no new one: others would go on without theirs."""
    with ValkeyClient(raw=FAKE) as client:
        FAKE.flushdb()
        cache = sync(client, policy, 3)
        for key in "abc":
            cache.set(key, key)
        FAKE.delete(cache._shards[0].keys[1])
        cache.get("a")
        cache.set("d", "d")
        assert cache.keys() == ["d"]
        assert cache.stats().losses == 1


def test_a_server_that_evicts_it_whole() -> None:
    """Under allkeys-lru the server throws away the whole cache; it warns before, and goes on after."""
    options = {"maxmemory": "4mb", "maxmemory-policy": "allkeys-lru"}
    with EmbeddedServer(settings=options) as server, ValkeyClient(server.url) as client:
        cache = LRUCache(client, "t", 10_000)
        with pytest.warns(EvictionPolicyWarning, match="allkeys-lru, so it may evict this") as told:
            cache.set("first", 1)
        assert [warning.filename for warning in told] == [__file__]

        async def with_tasks() -> None:
            async with AsyncValkeyClient(server.url) as other:
                await AsyncLRUCache(other, "t", 10_000).peek("first")

        with pytest.warns(EvictionPolicyWarning, match="^AsyncLRUCache") as told:
            asyncio.run(with_tasks())
        assert [warning.filename for warning in told] == [__file__]
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


def test_a_server_at_its_memory_limit() -> None:
    """Its entries are read and deleted, a full cache goes on; one that would grow raises, unchanged."""
    options = {"maxmemory-policy": "noeviction"}
    with EmbeddedServer(settings=options) as server, ValkeyClient(server.url) as client:
        for policy in PAIRS:
            client.raw.config_set("maxmemory", 0)
            client.raw.flushall()
            cache = sync(client, policy, 5)
            for key in "abcde":
                cache.set(key, key, ttl=1000)
                cache.get(key)
                cache.get(key)
            client.raw.config_set("maxmemory", 1)
            assert cache.get_many("abcdex") == dict(zip("abcde", "abcde", strict=True))
            assert cache.get("x") is None
            assert cache.peek("a") == "a"
            assert cache.set("f", "f") == 1
            assert (cache.stats().hits, cache.stats().misses) == (15, 2)
            assert cache.delete(cache.keys()[0]) == 1
            with pytest.raises(OutOfMemoryError):
                cache.set("g", "g")
            with pytest.raises(OutOfMemoryError):
                cache.set(cache.keys()[0], "longer")
            require_agreement(cache, client.raw)
            assert cache.resize(2) == 2
            assert cache.len() == 2
            require_agreement(cache, client.raw)
            cache.clear()
            assert cache.get("a") is None


def test_a_lost_reply(server: EmbeddedServer) -> None:
    """A read is asked again; a write raises, and has been done or not, but whole.

    That the server did not say what it might evict is no reason to fail.
    """
    with Proxy(server.port) as proxy, ValkeyClient(f"valkey://127.0.0.1:{proxy.port}/7") as client:
        client.raw.execute_command("FLUSHDB")
        cache = LRUCache(client, "t", 2)
        proxy.lose_reply(b"INFO")
        cache.set("a", 1)
        cache.set("b", 2)
        proxy.lose_reply(b"EVALSHA")
        assert cache.get("a") == 1
        proxy.lose_reply(b"EVALSHA")
        assert cache.get_many("a") == {"a": 1}
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
