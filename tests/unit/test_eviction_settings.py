"""What an evicting cache takes, and in which order its policy would let entries go."""

from typing import Any

import fakeredis
import pytest

from valkey_redis import InvalidArgumentError, LFUCache, LRUCache, ValkeyClient

CLIENT = ValkeyClient(raw=fakeredis.FakeValkey())


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "10", None, True, float("nan"), 2**40])
def test_a_wrong_capacity_is_refused(wrong: Any) -> None:
    """One line says what was given and what is taken; a cache goes on as it was."""
    with pytest.raises(InvalidArgumentError, match=r"capacity=.*: takes a whole number from 1"):
        LRUCache(CLIENT, "t", wrong)
    cache = LRUCache(CLIENT, "t", 2)
    with pytest.raises(InvalidArgumentError, match="capacity="):
        cache.resize(wrong)
    assert cache.capacity == 2


def test_other_wrong_arguments_are_refused() -> None:
    """Each in one line, before anything is sent."""
    for settings, said in (
        ({"max_bytes": 0}, "max_bytes=0: takes a whole number"),
        ({"shards": 0}, "shards=0: takes a whole number"),
        ({"shards": 2**14 + 1}, "shards=16385: takes a whole number from 1 to 16384"),
        ({"shards": 3}, "capacity=2: takes a whole number from 3"),
        ({"ttl": 0}, "ttl=0: takes seconds"),
        ({"namespace": "a b"}, "namespace 'a b'"),
    ):
        with pytest.raises(InvalidArgumentError, match=said):
            LRUCache(CLIENT, "t", 2, **settings)
    for name in ("", "\ud800", 7, None, b"t"):
        with pytest.raises(InvalidArgumentError, match=r"name=.*: takes a text"):
            LRUCache(CLIENT, name, 2)  # type: ignore[arg-type]  # some of them are no text, which is what is refused
    with pytest.raises(InvalidArgumentError, match="capacity=2: takes a whole number from 3"):
        LRUCache(CLIENT, "t", 3, shards=3).resize(2)
    with pytest.raises(InvalidArgumentError, match="a value of 37 bytes with its key: takes 33 at"):
        LRUCache(CLIENT, "t", 3, shards=3, max_bytes=100).set("k", "x" * 33)
    for half_life in (0, -1, 1e-310, 0.0009, 1.1e9, float("nan"), float("inf"), True, "9"):
        with pytest.raises(InvalidArgumentError, match="half_life="):
            LFUCache(CLIENT, "t", 2, half_life=half_life)
    cache = LRUCache(CLIENT, "t", 2)
    for key in ("\0tick", "\ud800", "\udcff", 7, None, b"k", ["k"]):
        for call in (cache.get, cache.peek, cache.exists, cache.delete):
            with pytest.raises(InvalidArgumentError, match=r"key=.*: takes a text"):
                call(key)
        with pytest.raises(InvalidArgumentError, match=r"key=.*: takes a text"):
            cache.set(key, 1)
        with pytest.raises(InvalidArgumentError, match=r"key=.*: takes a text"):
            cache.get_many([key])
    for ttl in (0, -1, float("nan")):
        with pytest.raises(InvalidArgumentError, match="ttl="):
            cache.set("k", 1, ttl=ttl)
    with pytest.raises(InvalidArgumentError, match="takes a cache that was made with max_bytes"):
        cache.resize(2, 100)
    assert cache.len() == 0
