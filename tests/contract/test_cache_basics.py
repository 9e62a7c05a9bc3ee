"""Every method of the cache, over every backend, face and driver."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import fakeredis
import pytest
import pytest_asyncio
from tests.contract.conftest import Place
from tests.support.cachefaces import AwaitedCache, Source, cache_at, cache_of
from tests.support.faces import AwaitableClient

from valkey_redis import (
    AsyncCache,
    AsyncValkeyClient,
    Cache,
    InvalidArgumentError,
    Observer,
    ValkeyClient,
)
from valkey_redis.observability import Observers

VALUES: list[Any] = [None, 0, "", False, [], {}, 1.5, "text ü 漢 \x00;", {"a": [1, {"b": None}]}]
# Of several slots, and with what separates and tags in a key's name.
KEYS = ["", " ", ":", "a:b", "a", "{", "}", "{}", "{a}:b", "%", "ü\n", *map(str, range(20))]
DEAR = 1_000_000  # seconds: no test takes so long
NOTHING = object()


@pytest_asyncio.fixture
async def cache(client: Any) -> AsyncIterator[AwaitedCache]:
    """Return a cache over the empty backend, which refreshes nothing early."""
    made = cache_of(client, beta=0)
    yield made
    await made.close()


async def lifetimes(client: Any) -> dict[str, float | None]:
    """Return the seconds that each key of the server has, by name."""
    return {key: await client.ttl(key) async for key in client.scan()}


async def entry_lifetime(client: Any, key: str) -> float:
    """Return the seconds that the entry of a cached key has."""
    found = await lifetimes(client)
    left = next(found[name] for name in found if ":cache:" in name and name.endswith(key))
    assert left is not None
    return left


# Values ----------------------------------------------------------------------------------


async def test_everything_is_a_value(cache: AwaitedCache) -> None:
    """None, 0, "", False and [] are cached like any other: stored, found, and not loaded again."""
    for value in VALUES:
        assert await cache.set("k", value) is True
        found = await cache.get("k", NOTHING)
        assert (found, type(found)) == (value, type(value))
        assert await cache.exists("k") is True
        assert await cache.get_or_set("k", Source(NOTHING)) == value


async def test_what_is_loaded_is_found_again(cache: AwaitedCache) -> None:
    """Whatever the loader returns is stored: the second call loads nothing."""
    for number, value in enumerate(VALUES):
        source, key = Source(value), str(number)
        for _ in range(2):
            assert await cache.get_or_set(key, source) == value
        assert (source.loads, await cache.get(key, NOTHING)) == (1, value)


async def test_what_is_not_there_is_the_default(cache: AwaitedCache) -> None:
    """A miss is the default, None if none is given, and exists() is False."""
    assert await cache.get("k") is None
    assert await cache.get("k", 7) == 7
    assert await cache.exists("k") is False
    assert await cache.get_many(["k"]) == {}


async def test_each_key_has_a_value_of_its_own(cache: AwaitedCache) -> None:
    """Also where keys hold separators, braces or line ends, and one begins with another."""
    values = {key: number for number, key in enumerate(KEYS)}
    assert await cache.set_many(values) is True
    assert await cache.get_many([*KEYS, "absent"]) == values
    assert {key: await cache.get(key) for key in KEYS} == values


async def test_a_value_is_replaced(cache: AwaitedCache) -> None:
    """By set, write_through and refresh, whatever was there; the last one is there then."""
    await cache.set("k", "old, and longer than the new one")
    await cache.set("k", "set")
    assert await cache.get("k") == "set"
    assert await cache.write_through("k", Source("written")) == "written"
    assert await cache.get("k") == "written"
    assert await cache.refresh("k", Source("loaded")) == "loaded"
    assert await cache.get("k") == "loaded"
    assert await cache.set_many({"k": "many"}) is True
    assert await cache.get("k") == "many"


# Lifetimes -------------------------------------------------------------------------------


async def test_a_lifetime_is_defaulted_and_jittered(client: Any) -> None:
    """Entries live for the cache's `ttl` less up to the fraction `jitter`, each another time."""
    cache = cache_of(client, ttl=DEAR, jitter=0.5)
    await cache.set_many(dict.fromkeys(KEYS))
    for key in ("x1", "x2", "x3"):
        await cache.get_or_set(key, Source(1))
    found = [left for name, left in (await lifetimes(client)).items() if ":cache:" in name]
    assert len(found) == len(KEYS) + 3
    assert all(left is not None and DEAR / 2 - 60 < left <= DEAR for left in found)
    assert max(map(float, filter(None, found))) - min(map(float, filter(None, found))) > DEAR / 100


@pytest.mark.parametrize("ttl", [DEAR, timedelta(seconds=DEAR)], ids=str)
async def test_a_call_has_a_lifetime_of_its_own(client: Any, ttl: Any) -> None:
    """`ttl` of a call goes before the cache's, with every method that stores."""
    cache = cache_of(client, ttl=7, jitter=0)
    await cache.set("set", 1, ttl=ttl)
    await cache.set_many({"many": 1}, ttl=ttl)
    await cache.get_or_set("loaded", Source(1), ttl=ttl)
    await cache.get_or_set_many(["loaded-many"], Source({"loaded-many": 1}).many, ttl=ttl)
    await cache.warm(["warmed"], Source({"warmed": 1}).many, ttl=ttl)
    await cache.refresh("refreshed", Source(1), ttl=ttl)
    await cache.write_through("written", Source(1), ttl=ttl)
    found = {k: left for k, left in (await lifetimes(client)).items() if ":cache:" in k}
    assert len(found) == 7
    assert all(left is not None and DEAR - 60 < left <= DEAR for left in found.values())


async def test_none_has_a_shorter_lifetime_if_told(client: Any) -> None:
    """`negative_ttl` is None's lifetime, of the cache or the call; without it None lives as others."""
    cache = cache_of(client, ttl=DEAR, negative_ttl=5000, jitter=0)
    await cache.get_or_set("cache's", Source(None))
    await cache.get_or_set("call's", Source(None), negative_ttl=500)
    await cache.get_or_set("value", Source(0))
    plain = cache_of(client, ttl=DEAR, jitter=0)
    await plain.get_or_set("plain", Source(None))
    assert 4900 < await entry_lifetime(client, "cache's") <= 5000
    assert 400 < await entry_lifetime(client, "call's") <= 500
    assert await entry_lifetime(client, "value") > DEAR - 60
    assert await entry_lifetime(client, "plain") > DEAR - 60


async def test_a_value_is_kept_as_long_as_it_may_be_served_stale(client: Any) -> None:
    """The key lives for ttl + stale_ttl; 0 as a call's stale_ttl means none."""
    cache = cache_of(client, ttl=5000, stale_ttl=DEAR, jitter=0)
    await cache.get_or_set("cache's", Source(1))
    await cache.get_or_set("call's", Source(1), stale_ttl=0)
    assert DEAR + 4900 < await entry_lifetime(client, "cache's") <= DEAR + 5000
    assert 4900 < await entry_lifetime(client, "call's") <= 5000


async def test_the_longest_lifetime_is_a_lifetime(cache: AwaitedCache) -> None:
    """A value for 10,000 years, or as long as the server's clock goes, is there at least now."""
    for ttl in (10_000 * 365 * 86_400, 10**12):
        assert await cache.set("k", 1, ttl=ttl) is True
        assert await cache.get("k") == 1


async def test_every_key_expires(client: Any) -> None:
    """After each operation, failed ones too, no key of the cache lives for ever."""
    cache = cache_of(client, beta=0, stale_ttl=60)
    broken = Source(ZeroDivisionError())
    operations: list[Callable[[], Any]] = [
        lambda: cache.set("k", 1, tags=["t"]),
        lambda: cache.set_many({"a": 1, "b": None}, tags=["t", "u"]),
        lambda: cache.get_or_set("c", Source(1), tags=["t"]),
        lambda: cache.get_or_set_many(["d", "e"], Source({"d": 1}).many),
        lambda: cache.warm(["f", "g"], Source({"f": 1}).many),
        lambda: cache.refresh("k", Source(2), tags=["v"]),
        lambda: cache.write_through("k", Source(3)),
        lambda: cache.invalidate("a", "b"),
        lambda: cache.invalidate_tags("t"),
        lambda: cache.get_or_set("h", broken),
        lambda: cache.refresh("c", broken),
        lambda: cache.write_through("c", broken),
        cache.flush_namespace,
        lambda: cache.get_or_set("c", Source(1)),
    ]
    for number, operation in enumerate(operations):
        try:
            await operation()
        except ZeroDivisionError:
            assert number in {9, 10, 11}
        assert [name for name, left in (await lifetimes(client)).items() if left is None] == []


# Many ------------------------------------------------------------------------------------


async def test_many_are_loaded_by_one_call(cache: AwaitedCache) -> None:
    """get_or_set_many loads what is missing, and only that, at once; what is left out is left out."""
    await cache.set_many({"0": "old", "1": None})
    source = Source({key: int(key) for key in map(str, range(12))})
    expected = {"0": "old", "1": None, "2": 2, "3": 3, "11": 11}
    for _ in range(2):
        assert await cache.get_or_set_many([*expected, "absent"], source.many) == expected
    assert [sorted(keys) for keys in source.asked] == [["11", "2", "3", "absent"], ["absent"]]
    assert await cache.get_many([*expected, "absent"]) == expected


async def test_nothing_is_little_work(cache: AwaitedCache) -> None:
    """No keys, no values and no tags are no error, and load nothing."""
    assert await cache.set_many({}) is True
    assert await cache.get_many([]) == {}
    assert await cache.get_or_set_many([], Source({}).many) == {}
    assert await cache.invalidate() is True
    assert await cache.invalidate_tags() is True
    warmed = await cache.warm([], Source({}).many)
    assert (warmed.warm, warmed.failed) == ([], {})


async def test_hundreds_are_as_few(cache: AwaitedCache) -> None:
    """Also more than go into one command are loaded by one call, stored, read and invalidated."""
    values = {f"key {number}": number for number in range(600)}
    source = Source(values)
    assert await cache.get_or_set_many(list(values), source.many) == values
    assert await cache.get_or_set_many(list(values), source.many) == values
    assert len(source.asked) == 1
    assert await cache.invalidate(*values) is True
    assert await cache.get_many(list(values)) == {}
    assert await cache.set_many(values) is True
    assert await cache.get_many(list(values)) == values


async def test_warming_loads_what_is_missing_in_batches(cache: AwaitedCache) -> None:
    """`batch_size` keys at a time, those that are there left as they are, progress after each."""
    await cache.set("1", "old")
    source, told = Source({str(n): n for n in range(7)}), []
    warmed = await cache.warm(
        [str(n) for n in range(7)],
        source.many,
        batch_size=3,
        on_progress=lambda done, total: told.append((done, total)),
    )
    assert [sorted(keys) for keys in source.asked] == [["0", "2"], ["3", "4", "5"], ["6"]]
    assert told == [(3, 7), (6, 7), (7, 7)]
    assert (sorted(warmed.warm), warmed.failed) == ([str(n) for n in range(7)], {})
    assert await cache.get_many(["0", "1", "6"]) == {"0": 0, "1": "old", "6": 6}


async def test_warming_reports_each_key_that_failed(cache: AwaitedCache) -> None:
    """A batch with a bad key is loaded key by key: only the bad ones fail, each with its reason."""

    def load(keys: list[str]) -> dict[str, Any]:
        if "bad" in keys:
            raise ZeroDivisionError("bad row")
        return {key: (1, 2) if key == "tuple" else key for key in keys if key != "absent"}

    told: list[tuple[int, int]] = []
    warmed = await cache.warm(
        ["a", "bad", "b", "absent", "tuple"],
        load,
        on_progress=lambda *done: told.append(done),
    )
    assert warmed.warm == ["a", "b"]
    assert {key: str(error)[:24] for key, error in warmed.failed.items()} == {
        "bad": "bad row",
        "absent": "the loader gave no value",
        "tuple": "a value of type tuple: J",
    }
    assert told == [(5, 5)]
    assert await cache.get_many(["a", "bad", "b", "absent", "tuple"]) == {"a": "a", "b": "b"}


# Forgetting ------------------------------------------------------------------------------


async def test_what_is_invalidated_is_loaded_anew(cache: AwaitedCache) -> None:
    """invalidate() and delete() forget the keys named and no others, there or not."""
    await cache.set_many({"a": 1, "b": 1, "c": 1, "ab": 1})
    assert await cache.invalidate("a", "b", "absent") is True
    assert await cache.delete("c") is True
    assert await cache.get_many(["a", "b", "c", "ab"]) == {"ab": 1}
    assert await cache.get_or_set("a", Source("new")) == "new"
    assert await cache.get("a") == "new"


async def test_a_tag_invalidates_all_that_carry_it(cache: AwaitedCache) -> None:
    """However they were stored, and whichever other tags they have; the others stay."""
    await cache.set("set", 1, tags=["t"])
    await cache.set_many({"m1": 1, "m2": 1}, tags=["u", "t"])
    await cache.get_or_set("loaded", Source(1), tags=["t", "u"])
    await cache.get_or_set_many(["lm"], Source({"lm": 1}).many, tags=["t"])
    await cache.warm(["warmed"], Source({"warmed": 1}).many, tags=["t"])
    await cache.refresh("refreshed", Source(1), tags=["t"])
    await cache.write_through("written", Source(1), tags=["t"])
    await cache.set("other", 1, tags=["u"])
    await cache.set("none", 1)
    every = "set m1 m2 loaded lm warmed refreshed written other none".split()
    assert await cache.get_many(every) == dict.fromkeys(every, 1)
    assert await cache.invalidate_tags("t", "absent") is True
    assert await cache.get_many(every) == {"other": 1, "none": 1}
    assert await cache.get("set", tags=["t"]) is None
    assert await cache.get_or_set("set", Source("new"), tags=["t"]) == "new"
    assert await cache.get_many(["set", "m1"], tags=["t"]) == {"set": "new"}


async def test_a_value_without_the_tag_is_a_miss(cache: AwaitedCache) -> None:
    """Who reads with a tag relies on it: a value that it would not invalidate will not do."""
    await cache.set_many({"k": "untagged"})
    assert await cache.get("k", tags=["t"]) is None
    assert await cache.get_or_set("k", Source("tagged"), tags=["t"]) == "tagged"
    assert await cache.get("k", tags=["t"]) == "tagged"
    assert await cache.get("k", tags=["t", "u"]) is None


async def test_flushing_forgets_the_namespace_and_no_other(client: Any) -> None:
    """Tagged values too; other namespaces and keys of the server's that are not cached stay."""
    mine, other = cache_of(client, namespace="app"), cache_of(client, namespace="app.2")
    values = dict.fromkeys(KEYS, 1)
    for cache in (mine, other):
        await cache.set_many(values)
        await cache.set("tagged", 1, tags=["t"])
    await client.set("app:cache", 1)
    assert await mine.flush_namespace() is True
    assert await mine.get_many([*KEYS, "tagged"]) == {}
    assert await other.get_many([*KEYS, "tagged"]) == values | {"tagged": 1}
    assert await client.get("app:cache") == 1
    assert await mine.get_or_set("a", Source("new")) == "new"
    assert await mine.get("a") == "new"


async def test_namespaces_do_not_touch_each_other(client: Any) -> None:
    """The same key and tag in two namespaces are two."""
    one, two = cache_of(client, namespace="one"), cache_of(client, namespace="two")
    await one.set("k", 1, tags=["t"])
    await two.set("k", 2, tags=["t"])
    assert (await one.get("k"), await two.get("k")) == (1, 2)
    await two.invalidate_tags("t")
    assert (await one.get("k"), await two.get("k")) == (1, None)
    await two.get_or_set("k", Source(3))
    await one.invalidate("k")
    assert (await one.get("k"), await two.get("k")) == (None, 3)


async def test_an_entry_whose_epoch_is_gone_is_a_miss(client: Any, cache: AwaitedCache) -> None:
    """As after an eviction of the epoch: whether there was a flush, nobody knows. Then all is well."""
    await cache.set("k", "old")
    epochs = [key async for key in client.scan() if ":epoch" in key]
    assert len(epochs) == 1
    await client.delete(*epochs)
    assert await cache.get("k") is None
    source = Source("new")
    for _ in range(2):
        assert await cache.get_or_set("k", source) == "new"
    assert source.loads == 1


async def test_a_tag_s_version_that_is_gone_is_a_miss(client: Any, cache: AwaitedCache) -> None:
    """As after an eviction of the version; the entry loaded next is found."""
    await cache.set("k", "old", tags=["t"])
    await client.delete(*[key async for key in client.scan() if ":tag:" in key])
    assert await cache.get("k") is None
    assert await cache.get("k", tags=["t"]) is None
    assert await cache.get_or_set("k", Source("new"), tags=["t"]) == "new"
    assert await cache.get("k") == "new"


# Loading ---------------------------------------------------------------------------------


async def test_a_refresh_loads_also_if_a_fresh_value_is_there(cache: AwaitedCache) -> None:
    """The new value is returned and stored; a failure leaves the old one, and is raised."""
    await cache.set("k", "old")
    with pytest.raises(ZeroDivisionError):
        await cache.refresh("k", Source(ZeroDivisionError()))
    assert await cache.get("k") == "old"
    source = Source("new")
    assert await cache.refresh("k", source) == "new"
    assert (source.loads, await cache.get("k")) == (1, "new")


async def test_a_failed_load_is_raised_and_not_stored(cache: AwaitedCache) -> None:
    """The loader's own exception comes out; the next call loads anew, and waits for nobody."""
    error = ZeroDivisionError("the row is bad")
    for call in (cache.get_or_set, cache.refresh, cache.write_through):
        with pytest.raises(ZeroDivisionError) as caught:
            await call("k", Source(error))
        assert caught.value is error
        assert await cache.exists("k") is False
    assert await cache.get_or_set("k", Source("good")) == "good"
    assert await cache.get("k") == "good"


async def test_a_value_that_cannot_be_stored_is_refused(cache: AwaitedCache) -> None:
    """The mistake is said, and keeps nobody else waiting."""
    for call in (cache.get_or_set, cache.refresh, cache.write_through):
        with pytest.raises(ValueError, match="a value of type tuple"):
            await call("k", Source((1, 2)))
    with pytest.raises(ValueError, match="a value of type tuple"):
        await cache.set("k", (1, 2))
    assert await cache.get_or_set("k", Source("good")) == "good"


async def test_a_failed_write_leaves_no_value(cache: AwaitedCache) -> None:
    """It may have been written for all that: neither the old value nor a new one is there."""
    await cache.set("k", "old")
    with pytest.raises(ZeroDivisionError):
        await cache.write_through("k", Source(ZeroDivisionError()))
    assert await cache.get("k") is None


# Accounts --------------------------------------------------------------------------------


async def test_what_happens_is_counted_and_told(client: Any) -> None:
    """get_stats() counts each event, observers are told the same; each cache counts for itself."""
    told: list[tuple[str, float, int]] = []

    class Notes(Observer):
        def on_cache(self, namespace: str, event: str, seconds: float, times: int) -> None:
            assert namespace == "app"
            told.append((event, seconds, times))

    inner = getattr(client, "sync", client)
    inner.observers = Observers([Notes()])
    cache = cache_of(client, beta=0)
    await cache.get_or_set("a", Source(1))  # miss, load
    await cache.get_or_set("a", Source(1))  # hit
    await cache.get("a")  # hit
    await cache.get("b")  # miss
    await cache.get_many(["a", "b", "c"])  # hit, 2 misses
    await cache.get_or_set_many(["a", "b"], Source({"b": 2}).many)  # hit, miss, load
    with pytest.raises(ZeroDivisionError):
        await cache.get_or_set("c", Source(ZeroDivisionError()))  # miss, load_error
    stats = cache.own.get_stats()
    counted = {event: times for event, times in stats.counts.items() if times}
    assert counted == {"hit": 4, "miss": 6, "load": 2, "load_error": 1}
    assert stats.hit_ratio == 0.4
    for event, times in counted.items():
        assert sum(one[2] for one in told if one[0] == event) == times
    assert stats.load_seconds == sum(one[1] for one in told if one[0] == "load") > 0
    assert cache_of(client).own.get_stats().hit_ratio is None


async def test_another_client_finds_what_was_stored(place: Place) -> None:
    """What one cache object stored, loaded, tagged and flushed, another one sees."""
    async with cache_at(place) as one, cache_at(place) as two:
        await one.set("k", 1, tags=["t"])
        assert await two.get("k") == 1
        await two.invalidate_tags("t")
        assert await one.get("k") is None
        await one.get_or_set("k", Source(2))
        assert await two.get_or_set("k", Source(3)) == 2
        await two.flush_namespace()
        assert await one.get_or_set("k", Source(3)) == 3


# Bad input -------------------------------------------------------------------------------


@pytest.fixture(params=[ValkeyClient, AsyncValkeyClient])
def idle(request: pytest.FixtureRequest) -> Any:
    """Return a client of each face that is never used: what is wrong is said before."""
    made = request.param("valkey://127.0.0.1:1")
    return made if request.param is AsyncValkeyClient else AwaitableClient(made)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"ttl": 0}, "ttl=0: takes seconds"),
        ({"ttl": -1}, "ttl=-1: takes seconds"),
        ({"ttl": float("nan")}, "ttl=nan: takes seconds"),
        ({"ttl": "60"}, "ttl='60': takes seconds"),
        ({"ttl": True}, "ttl=True: takes seconds"),
        ({"negative_ttl": 0}, "negative_ttl=0: takes seconds"),
        ({"stale_ttl": -1}, "stale_ttl=-1: takes seconds"),
        ({"lease": 0}, "lease=0: takes seconds"),
        ({"lease": 3601}, "lease=3601: takes an hour at most"),
        ({"jitter": -0.1}, "jitter=-0.1: takes 0 to 0.9"),
        ({"jitter": 1}, "jitter=1: takes 0 to 0.9"),
        ({"jitter": "x"}, "jitter='x': takes 0 to 0.9"),
        ({"beta": -1}, "beta=-1: takes 0 to 100"),
        ({"beta": True}, "beta=True: takes 0 to 100"),
        ({"beta": float("nan")}, "beta=nan: takes 0 to 100"),
        ({"soft_timeout": -1}, "soft_timeout=-1: takes 0 to 3600"),
        ({"soft_timeout": None}, "soft_timeout=None: takes 0 to 3600"),
        ({"namespace": "a:b"}, "namespace 'a:b': takes letters"),
        ({"namespace": ""}, "namespace '': takes letters"),
    ],
    ids=str,
)
def test_wrong_settings_are_refused(idle: Any, settings: dict[str, Any], message: str) -> None:
    """One line that says what was given, and what is taken."""
    with pytest.raises(InvalidArgumentError) as caught:
        cache_of(idle, **settings)
    assert str(caught.value).startswith(message)
    assert len(str(caught.value).splitlines()) == 1


def test_a_client_that_decodes_is_refused() -> None:
    """Else everything stored would look corrupt, and each call would load."""
    with pytest.raises(InvalidArgumentError, match="takes one that returns bytes"):
        Cache(ValkeyClient(raw=fakeredis.FakeValkey(decode_responses=True)))
    with pytest.raises(InvalidArgumentError, match="takes one that returns bytes"):
        AsyncCache(AsyncValkeyClient(raw=fakeredis.FakeAsyncValkey(decode_responses=True)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c: c.set("k", 1, ttl=0), "ttl=0: takes seconds"),
        (lambda c: c.set_many({"k": 1}, ttl=-1), "ttl=-1: takes seconds"),
        (lambda c: c.get_or_set("k", Source(1), ttl=0), "ttl=0: takes seconds"),
        (lambda c: c.get_or_set("k", Source(1), negative_ttl=0), "negative_ttl=0: takes seconds"),
        (lambda c: c.get_or_set("k", Source(1), stale_ttl=-1), "stale_ttl=-1: takes seconds"),
        (lambda c: c.refresh("k", Source(1), ttl=1e13), "ttl=10000000000000.0: takes seconds"),
        (lambda c: c.write_through("k", Source(1), ttl="1"), "ttl='1': takes seconds"),
        (lambda c: c.get("k", tags="t"), "tags='t': takes a list of texts"),
        (lambda c: c.set("k", 1, tags=[1]), "tags=[1]: takes a list of texts"),
        (lambda c: c.get_or_set("k", Source(1), tags=[""]), "tags=['']: takes a list of texts"),
        (lambda c: c.invalidate_tags(""), "tags=('',): takes a list of texts"),
        (lambda c: c.warm(["k"], Source({}).many, batch_size=0), "batch_size=0: takes 1 or more"),
        (lambda c: c.warm(["k"], Source({}).many, batch_size=1.5), "batch_size=1.5: takes 1"),
    ],
)
async def test_wrong_arguments_are_refused(
    idle: Any, call: Callable[[AwaitedCache], Any], message: str
) -> None:
    """Before anything is sent, loaded or written."""
    with pytest.raises(InvalidArgumentError) as caught:
        await call(cache_of(idle))
    assert str(caught.value).startswith(message)
