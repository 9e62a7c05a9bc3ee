"""Keys: what differs has different keys, what is equal has one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from valkey_redis import InvalidArgumentError, Keys

KEYS = Keys("shop")
parts = st.lists(st.text(max_size=8) | st.text(":%{}", max_size=5), max_size=4).map(tuple)


@given(left=parts, right=parts)
def test_different_parts_never_give_one_key(left: tuple[str, ...], right: tuple[str, ...]) -> None:
    """A key has one reading."""
    assert (left == right) is (KEYS.key(*left) == KEYS.key(*right))


@given(first=parts, data=st.data())
def test_moving_a_separator_gives_another_key(first: tuple[str, ...], data: st.DataObject) -> None:
    """The same text cut in another place is another key."""
    whole = ":".join(first)
    cut = data.draw(st.integers(0, len(whole)))
    second = (whole[:cut], whole[cut:])
    assert (first == second) is (KEYS.key(*first) == KEYS.key(*second))


@given(tag=st.text(min_size=1), left=parts, right=parts)
def test_keys_of_one_tag_share_a_slot(
    tag: str, left: tuple[str, ...], right: tuple[str, ...]
) -> None:
    """What the server reads as the hash tag is the whole tag, whatever the other parts hold."""
    assert _hash_tag(KEYS.tagged(tag, *left)) == _hash_tag(KEYS.tagged(tag, *right))
    assert (left == right) is (KEYS.tagged(tag, *left) == KEYS.tagged(tag, *right))
    assert KEYS.tagged(tag, *left) != KEYS.key(tag, *left)


def _hash_tag(key: str) -> str:
    start = key.index("{")
    end = key.index("}", start + 1)
    assert end > start + 1
    return key[start + 1 : end]


def test_an_empty_tag_is_refused() -> None:
    """`{}` is no tag to the server, so the keys would scatter."""
    with pytest.raises(InvalidArgumentError, match="takes one character or more"):
        KEYS.tagged("", 1)


@pytest.mark.parametrize("namespace", ["", "a:b", "a b", "{a}", "a*", "ü", "a\n"])
def test_a_namespace_with_other_characters_is_refused(namespace: str) -> None:
    """A namespace holds no separator, tag or pattern."""
    with pytest.raises(InvalidArgumentError, match="takes letters, digits"):
        Keys(namespace)


def test_a_key_is_readable() -> None:
    """The shape is the documented one, and a part's own separators are escaped."""
    assert KEYS.key("user", 1) == "shop:user:1"
    assert KEYS.key("a:b", "{c}", "100%") == "shop:a%3Ab:%7Bc%7D:100%25"
    assert KEYS.tagged("u1", "cart") == "shop:{u1}:cart"
    assert KEYS.prefix("user", "*?[x]\\") == "shop:user:\\*\\?\\[x\\]\\\\:*"
