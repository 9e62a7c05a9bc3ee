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
        ({"shards": 3}, "capacity=2: takes a whole number from 3"),
        ({"ttl": 0}, "ttl=0: takes seconds"),
        ({"namespace": "a b"}, "namespace 'a b'"),
    ):
        with pytest.raises(InvalidArgumentError, match=said):
            LRUCache(CLIENT, "t", 2, **settings)
    with pytest.raises(InvalidArgumentError, match="name='': takes a text"):
        LRUCache(CLIENT, "", 2)
    with pytest.raises(InvalidArgumentError, match="capacity=2: takes a whole number from 3"):
        LRUCache(CLIENT, "t", 3, shards=3).resize(2)
    for half_life in (0, -1, float("nan"), float("inf"), True, "9"):
        with pytest.raises(InvalidArgumentError, match="half_life="):
            LFUCache(CLIENT, "t", 2, half_life=half_life)
    cache = LRUCache(CLIENT, "t", 2)
    for key in ("\0tick", 7, None, b"k"):
        with pytest.raises(InvalidArgumentError, match="key="):
            cache.set(key, 1)
    for ttl in (0, -1, float("nan")):
        with pytest.raises(InvalidArgumentError, match="ttl="):
            cache.set("k", 1, ttl=ttl)
    with pytest.raises(InvalidArgumentError, match="takes a cache that was made with max_bytes"):
        cache.resize(2, 100)
    assert cache.len() == 0
