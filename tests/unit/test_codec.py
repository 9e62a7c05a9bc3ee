"""Codecs: what is written comes back equal, or is refused; foreign bytes are corrupt."""

import contextlib
import math
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import IntEnum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from valkey_redis import (
    JSON,
    CorruptValueError,
    InvalidArgumentError,
    PydanticCodec,
    SchemaVersionError,
)

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


class Colour(IntEnum):
    """An int that JSON would bring back as a plain int."""

    RED = 1


class Text(str):
    """A str that JSON would bring back as a plain str."""

    __slots__ = ()


class User(BaseModel):
    """A model with fields that plain JSON does not keep."""

    id: UUID
    born: date
    balance: Decimal
    tags: frozenset[str] = frozenset()


class Stranger(BaseModel):
    """Another model."""

    name: str


ANN = User(id=UUID(int=1), born=date(1990, 1, 2), balance=Decimal("1.10"), tags=frozenset("ab"))


def _same(left: object, right: object) -> bool:
    """Return whether both are equal and of the same types throughout."""
    if type(left) is not type(right):
        return False
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return list(left) == list(right) and all(_same(left[key], right[key]) for key in left)
    return left == right


@given(value=values)
def test_json_brings_back_what_it_took(value: Any) -> None:
    """Every value that is taken comes back equal and of its type; others are refused."""
    try:
        data = JSON.encode(value)
    except InvalidArgumentError:
        # Text may hold half a surrogate pair, which UTF-8 cannot.
        with pytest.raises(UnicodeEncodeError):
            repr(value).encode().decode("unicode_escape").encode()
        return
    assert _same(value, JSON.decode(data))


@pytest.mark.parametrize("value", [math.inf, -math.inf], ids=repr)
def test_infinities_come_back(value: float) -> None:
    """Both infinities are floats like others."""
    assert value == JSON.decode(JSON.encode(value))


def test_nan_comes_back() -> None:
    """NaN, which is not equal to itself, comes back as NaN."""
    assert math.isnan(JSON.decode(JSON.encode(math.nan)))


@pytest.mark.parametrize(
    "value",
    [
        (1, 2),
        {1, 2},
        b"bytes",
        datetime.now(tz=UTC),
        Decimal(1),
        UUID(int=1),
        Colour.RED,
        Text("x"),
        {1: "a"},
        {None: 1},
        {"a": [{"b": (1,)}]},
        object(),
        ANN,
        "\ud800",
        {"\ud800": 1},
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_json_would_change_is_refused(value: Any) -> None:
    """A value that would come back as something else is refused, in one line."""
    with pytest.raises(InvalidArgumentError) as caught:
        JSON.encode(value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_value_without_an_end_is_refused() -> None:
    """A list that holds itself is refused, not a RecursionError."""
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(InvalidArgumentError):
        JSON.encode(endless)


@given(data=st.binary())
def test_any_bytes_are_a_value_or_corrupt(data: bytes) -> None:
    """No bytes raise anything but CorruptValueError."""
    for codec in (JSON, PydanticCodec(User)):
        with contextlib.suppress(CorruptValueError):
            codec.decode(data)


def test_deep_nesting_is_corrupt_and_no_crash() -> None:
    """A million brackets are refused like other bytes."""
    for codec in (JSON, PydanticCodec(list[Any])):
        with pytest.raises(CorruptValueError):
            codec.decode(b"v1:" + b"[" * 1_000_000)
    with pytest.raises(CorruptValueError):
        JSON.decode(b"[" * 1_000_000)


def test_pydantic_brings_back_the_model() -> None:
    """Fields of any type come back equal."""
    codec = PydanticCodec(User)
    assert codec.decode(codec.encode(ANN)) == ANN


@given(value=st.dictionaries(st.integers(), st.tuples(st.dates(), st.uuids())))
def test_pydantic_brings_back_any_type(value: dict[int, tuple[date, UUID]]) -> None:
    """Tuples, dates and integer keys come back as such."""
    codec = PydanticCodec(dict[int, tuple[date, UUID]])
    assert value == codec.decode(codec.encode(value))


@pytest.mark.parametrize(
    ("type_", "value", "where"),
    [
        (User, Stranger(name="hunter2"), ""),
        (User, None, ""),
        (User, {"id": "hunter2"}, ": balance, born, id"),
        (list[User], [ANN, None], ": 1"),
        (int, "1", ""),
        (tuple[int, int], (1, "hunter2"), ": 1"),
        (dict[int, int], {"1": 1}, ": 1.[key]"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_pydantic_refuses_another_type(type_: Any, value: Any, where: str) -> None:
    """A value of another type is refused when it is written, in one line that does not show it."""
    with pytest.raises(InvalidArgumentError) as caught:
        PydanticCodec(type_).encode(value)
    assert f"not a value of the codec's type{where}" == str(caught.value)


def test_pydantic_keeps_what_is_no_number() -> None:
    """NaN and the infinities are floats too, and not null."""
    codec = PydanticCodec(list[float | None])
    nan, infinity, none = codec.decode(codec.encode([math.nan, -math.inf, None]))
    assert nan is not None
    assert math.isnan(nan)
    assert (infinity, none) == (-math.inf, None)


def test_another_schema_version_is_said() -> None:
    """A value of an older or newer version is told from corrupt bytes."""
    data = PydanticCodec(User, schema_version=1).encode(ANN)
    with pytest.raises(SchemaVersionError, match=r"^schema version 1, not 12$"):
        PydanticCodec(User, schema_version=12).decode(data)


@pytest.mark.parametrize("data", [b"", b"{}", b"v1", b"v:{}", b"vx:{}", b"1:{}", JSON.encode("x")])
def test_bytes_without_a_version_are_corrupt(data: bytes) -> None:
    """What the codec never wrote is corrupt, and no other version."""
    with pytest.raises(CorruptValueError, match="without a schema version") as caught:
        PydanticCodec(User).decode(data)
    assert type(caught.value) is CorruptValueError


def test_a_changed_shape_is_corrupt_and_names_the_fields() -> None:
    """The message names the fields and never the values, which may be secret."""
    with pytest.raises(CorruptValueError, match="balance, born") as caught:
        PydanticCodec(User).decode(b'v1:{"id": "%s", "born": "hunter2"}' % str(ANN.id).encode())
    assert "hunter2" not in str(caught.value)


def test_corrupt_bytes_are_not_shown() -> None:
    """The message says how many bytes there are, not which."""
    with pytest.raises(CorruptValueError, match=r"^9 bytes that are not JSON$"):
        JSON.decode(b"{hunter2}")


def test_a_negative_schema_version_is_refused() -> None:
    """A version is 0 or more."""
    with pytest.raises(InvalidArgumentError, match="schema_version=-1: takes 0 or more"):
        PydanticCodec(User, schema_version=-1)
