"""A cache with a capacity: what every policy promises, over every backend and both faces."""

from typing import Any

import pytest
from tests.support.evicting import PAIRS, REFERENCES, evicting

from valkey_redis import CorruptValueError, InvalidArgumentError, PydanticCodec


@pytest.mark.parametrize("policy", PAIRS)
async def test_the_policies_evict_as_they_should(client: Any, policy: str) -> None:
    """Some uses of a cache of three: who is left, and who would go next, as the reference says."""
    cache, reference = evicting(client, policy, 3), REFERENCES[policy](3)
    for key in "abcabbdaeaffbc":
        is_there = await cache.get(key) is not None
        assert reference.access(key) == is_there
        if not is_there:
            await cache.set(key, key)
    assert await cache.keys() == reference.keys()
    assert await cache.len() == 3


async def test_any_value_is_a_value(client: Any) -> None:
    """What is stored comes back, None and 0 too; only who asks for it gets a default."""
    cache = evicting(client, "lru", 10)
    for value in (None, 0, "", False, [1, {"a": None}], "\0ünï"):
        assert await cache.set("k", value) == 0
        assert await cache.get("k", "nothing") == value
        assert await cache.peek("k", "nothing") == value
    assert await cache.get("other") is None
    assert await cache.get("other", 7) == 7
    assert await cache.exists("k")
    assert not await cache.exists("other")


async def test_many_are_read_at_once(client: Any) -> None:
    """More than one script takes, some twice, some missing; each there is used once."""
    cache = evicting(client, "lfu", 300)
    for number in range(30):
        await cache.set(f"k{number}", number)
    asked = [f"k{number}" for number in range(130)] + ["k7"]
    assert await cache.get_many(asked) == {f"k{number}": number for number in range(30)}
    assert await cache.get_many([]) == {}
    stats = await cache.stats()
    assert (stats.hits, stats.misses) == (30, 100)


async def test_looking_is_no_use(client: Any) -> None:
    """Neither peek nor exists changes who goes next, nor the account."""
    cache = evicting(client, "lru", 2)
    await cache.set("a", 1)
    await cache.set("b", 2)
    before = await cache.stats()
    assert await cache.peek("a") == 1
    assert await cache.exists("a")
    assert await cache.stats() == before
    assert await cache.set("c", 3) == 1
    assert await cache.keys() == ["b", "c"]


async def test_overwriting_counts_once(client: Any) -> None:
    """An entry that is written again is the same entry: nobody goes for it."""
    cache = evicting(client, "lru", 2)
    await cache.set("a", 1)
    await cache.set("b", 2)
    assert await cache.set("a", 3) == 0
    assert await cache.keys() == ["b", "a"]
    assert await cache.len() == 2
    assert await cache.get("a") == 3


async def test_what_is_deleted_makes_room(client: Any) -> None:
    """Deleted entries are gone, and counted; others stay."""
    cache = evicting(client, "lru", 3)
    for key in "abc":
        await cache.set(key, key)
    assert await cache.delete("a", "b", "x") == 2
    assert await cache.delete("a") == 0
    assert await cache.delete() == 0
    assert await cache.set("d", 1) == 0
    assert await cache.keys() == ["c", "d"]
    await cache.clear()
    assert await cache.keys() == []
    assert (await cache.stats()).hits == 0


async def test_a_cache_shrinks_and_grows(client: Any) -> None:
    """The next to go go; a hundred in a script, and as many as must."""
    cache = evicting(client, "lru", 110)
    for number in range(110):
        await cache.set(str(number), number)
    assert await cache.resize(5) == 105
    assert await cache.keys() == [str(number) for number in range(105, 110)]
    assert await cache.resize(6) == 0
    assert await cache.set("new", 1) == 0
    assert (await cache.stats()).evictions == 105


async def test_the_account(client: Any) -> None:
    """Hits, misses, evictions: of all clients; deletions and overwritings are none of them."""
    cache, other = evicting(client, "fifo", 2), evicting(client, "fifo", 2)
    assert (await cache.stats()).hit_ratio is None
    await cache.get("a")
    await cache.set("a", 1)
    await other.set("a", 2)
    await other.set("b", 3)
    await cache.get("a")
    assert (await cache.stats()).eviction_age is None
    await cache.set("c", 4)
    await other.delete("b")
    await cache.get_many(["c", "d"])
    stats = await cache.stats()
    assert (stats.entries, stats.bytes, stats.losses) == (1, None, 0)
    assert (stats.hits, stats.misses, stats.evictions) == (2, 2, 1)
    assert stats.hit_ratio == 0.5
    assert stats.eviction_age is not None


async def test_the_age_of_what_is_evicted(client: Any) -> None:
    """Under FIFO a cache of five keeps each entry for five insertions."""
    cache = evicting(client, "fifo", 5)
    for number in range(20):
        await cache.set(str(number), number)
    assert (await cache.stats()).eviction_age == 5


async def test_a_limit_in_bytes(client: Any) -> None:
    """Keys and values count; as many go as must; a value that never fits is refused at once."""
    cache = evicting(client, "lru", 100, max_bytes=1000)
    for number in range(9):
        await cache.set(f"k{number}", "x" * 95)  # 2 + 1 + 97
    assert (await cache.stats()).bytes == 900
    assert await cache.set("k9", "x" * 295) == 2
    assert (await cache.stats()).bytes == 1000
    for key, length, ttl, size in (
        ("k0", 1100, None, 1105),
        ("ü", 996, None, 1001),
        ("k0", 983, 5, 1001),
    ):
        with pytest.raises(InvalidArgumentError, match=f"a value of {size} bytes with its key"):
            await cache.set(key, "x" * length, ttl=ttl)
    assert await cache.set("k9", "x" * 95) == 0  # it has become smaller
    assert (await cache.stats()).bytes == 800
    assert await cache.set("k8", "y" * 595) == 3  # it has grown: others go for it
    assert (await cache.stats()).bytes == 1000
    assert await cache.resize(100, 600) == 4
    assert await cache.keys() == ["k8"]


async def test_an_entry_that_grows_may_have_to_go_for_itself(client: Any) -> None:
    """Under FIFO the oldest goes, and comes back as the newest."""
    cache = evicting(client, "fifo", 10, max_bytes=300)
    for key in "abc":
        await cache.set(key, "x" * 96)  # 1 + 1 + 98
    assert await cache.set("a", "x" * 106) == 2
    assert await cache.keys() == ["c", "a"]
    assert (await cache.stats()).bytes == 210


async def test_a_cluster_shares_it_out(client: Any) -> None:
    """Each shard has a slot, a part of the capacity, and an order of its own."""
    cache = evicting(client, "lru", 10, shards=3)
    for number in range(40):
        await cache.set(f"k{number}", number)
        if not number:
            assert await cache.len() == 1
    assert await cache.len() == 10
    assert sorted(shard.capacity for shard in cache.own._shards) == [3, 3, 4]
    kept = await cache.keys()
    assert await cache.get_many(kept) == {key: int(key[1:]) for key in kept}
    assert await cache.delete(*kept) == 10


async def test_caches_do_not_meet(client: Any) -> None:
    """Another name, namespace, policy, half-life or number of shards is another cache."""
    caches = [
        evicting(client, "lru", 2),
        evicting(client, "fifo", 2),
        evicting(client, "lru", 2, name="t:0:2"),
        evicting(client, "lru", 2, name="t:1:2"),
        evicting(client, "lru", 2, name="}{"),
        evicting(client, "lru", 2, namespace="other"),
        evicting(client, "lru", 2, shards=2),
        evicting(client, "lru", 4, shards=4),
        evicting(client, "lru", 2, max_bytes=1000),
        evicting(client, "lfu", 2),
        evicting(client, "aged", 2),
        evicting(client, "lfu", 2, half_life=1_234_567),
        evicting(client, "lfu", 2, half_life=1_234_568),
    ]
    for number, cache in enumerate(caches):
        await cache.set("k", number)
    assert [await cache.get("k") for cache in caches] == list(range(len(caches)))


async def test_any_codec(client: Any) -> None:
    """Values of a type; bytes that are not the codec's raise, and show nothing."""
    cache = evicting(client, "lru", 2, codec=PydanticCodec(tuple[int, str]))
    await cache.set("k", (1, "a"))
    assert await cache.get("k") == (1, "a")
    with pytest.raises(CorruptValueError):
        await evicting(client, "lru", 2).get("k")
