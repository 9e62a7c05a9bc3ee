"""Keys: what differs has different keys, what is equal has one, in every process."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from valkey_redis import InvalidArgumentError, Keys
from valkey_redis.callkeys import CallKey, encode_argument

KEYS = Keys("shop")
parts = st.lists(st.text(max_size=8) | st.text(":%{}", max_size=5), max_size=4).map(tuple)
arguments = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.text("a:1'", max_size=3)
    | st.binary(max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text("ab", max_size=2), inner, max_size=2)
    ),
    max_leaves=6,
)


class A:
    """A class with a method that another class has too."""

    def active(self) -> None:
        """Do nothing."""


class B:
    """See A."""

    def active(self) -> None:
        """Do nothing."""


class Size(Enum):
    """A value that must not meet its own text."""

    SMALL = "small"


@dataclass
class Point:
    """A dataclass."""

    x: int
    y: int


class Item(BaseModel):
    """A model."""

    x: int
    y: int = 0


def f(a: Any, b: Any = None) -> None:
    """Take one argument or two."""


def call_key(function: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    """Return the key of a call."""
    return CallKey(function)(*args, **kwargs)


DIFFERENT = [
    (call_key(f, 2), call_key(f, "2")),
    (call_key(f, None), call_key(f, "")),
    (call_key(f, ["a", "b"]), call_key(f, "a:b")),
    (call_key(f, "1:b:2", "3"), call_key(f, "1", "2:b:3")),
    (call_key(f, "1"), call_key(f, "1", "")),
    (call_key(A.active, 1), call_key(B.active, 1)),
    (call_key(f, 1), call_key(f, 1.0)),
    (call_key(f, 1), call_key(f, True)),
    (call_key(f, b"a"), call_key(f, "a")),
    (call_key(f, (1, 2)), call_key(f, [1, 2])),
    (call_key(f, {1, 2}), call_key(f, [1, 2])),
    (call_key(f, Size.SMALL), call_key(f, "small")),
    (call_key(f, Point(1, 2)), call_key(f, {"x": 1, "y": 2})),
    (call_key(f, Item(x=1)), call_key(f, Item(x=2))),
    (call_key(f, [[1], 2]), call_key(f, [[1, 2]])),
    (call_key(f, {"a": "b"}), call_key(f, {"ab": ""})),
    (call_key(f, Decimal("1.0")), call_key(f, Decimal("1.00"))),
    (call_key(f, date(2026, 1, 1)), call_key(f, datetime(2026, 1, 1, tzinfo=UTC))),
    (call_key(f, UUID(int=1)), call_key(f, str(UUID(int=1)))),
    (call_key(f, timedelta(1)), call_key(f, 86400)),
]
EQUAL = [
    (call_key(f, 5), call_key(f, a=5)),
    (call_key(f, 5), call_key(f, 5, b=None)),
    (call_key(f, 5, 6), call_key(f, b=6, a=5)),
    (call_key(f, {"x": 1, "y": 2}), call_key(f, {"y": 2, "x": 1})),
    (call_key(f, {"a", "b", "c"}), call_key(f, {"c", "b", "a"})),
    (call_key(f, Item(x=1)), call_key(f, Item(x=1, y=0))),
]


@pytest.mark.parametrize(("left", "right"), DIFFERENT)
def test_calls_that_differ_have_different_keys(left: str, right: str) -> None:
    """No two calls share a result that are not the same call."""
    assert left != right


@pytest.mark.parametrize(("left", "right"), EQUAL)
def test_equal_calls_have_one_key(left: str, right: str) -> None:
    """However the same arguments are written, the key is the same."""
    assert left == right


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


@given(left=arguments, right=arguments)
def test_different_arguments_are_never_encoded_alike(left: Any, right: Any) -> None:
    """Equal text means equal values of the same types, and the other way round."""
    same_text = encode_argument(left) == encode_argument(right)
    assert same_text is (_typed(left) == _typed(right))


def _typed(value: Any) -> Any:
    """Return the value with its type at every level, so that 1 and True differ."""
    if isinstance(value, dict):
        return dict, {key: _typed(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value), [_typed(item) for item in value]
    return type(value), value


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


def test_an_argument_whose_text_is_an_address_is_refused() -> None:
    """Such a key would be another one each time; the message says what to do."""
    for value in (object(), A(), lambda: None, [A()], {"x": A()}, f):
        with pytest.raises(InvalidArgumentError, match="or make the key with key_fn="):
            call_key(f, value)


def test_a_call_that_does_not_fit_is_a_type_error() -> None:
    """A wrong call fails as the function itself would."""
    with pytest.raises(TypeError, match=r"f\(\) missing 1 required positional argument: 'a'"):
        call_key(f)


def test_a_key_is_the_same_in_every_process() -> None:
    """Python's hash() changes from process to process; the keys do not."""
    code = (
        "import json; from valkey_redis.callkeys import CallKey\n"
        "value = {'s': {'a', 'b', 'c', 'd'}, 'd': {'x': 1, 'y': frozenset('efgh')}}\n"
        "print(CallKey(json.dumps)(value))"
    )
    keys = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": str(seed)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in (0, 1, 2)
    }
    assert len(keys) == 1
