"""Codecs: what is written comes back equal, or is refused; foreign bytes are corrupt."""

import contextlib
import math
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import IntEnum
from typing import Annotated, Any, Generic, Literal, Optional, TypeVar
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    Json,
    PydanticUserError,
    SecretStr,
    computed_field,
    field_serializer,
    field_validator,
)

from valkey_redis import (
    JSON,
    CorruptValueError,
    InvalidArgumentError,
    PydanticCodec,
    SchemaVersionError,
)
from valkey_redis.codec import codec_for

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


# What a model may have besides plain fields --------------------------------------------------


class Renamed(BaseModel):
    """A model that other programs see with other names, in each direction one of its own."""

    model_config = ConfigDict(extra="forbid", serialize_by_alias=True)

    first: str = Field(alias="firstName")
    second: str = Field(validation_alias="zweiter")
    third: str = Field(serialization_alias="troisieme")


class Computed(BaseModel):
    """A model with a field that is computed, and no room for others."""

    model_config = ConfigDict(extra="forbid")

    price: int
    parsed: Json[list[int]]

    @computed_field  # type: ignore[prop-decorator]  # mypy knows no decorated property
    @property
    def double(self) -> int:
        """Return twice the price."""
        return 2 * self.price


class Secretive(BaseModel):
    """A model with a secret, which pydantic writes as asterisks."""

    password: SecretStr


class Open(Secretive):
    """A model that says how its secret is to be written."""

    @field_serializer("password", when_used="json")
    def _written(self, password: SecretStr) -> str:
        return password.get_secret_value()


class Picky(BaseModel):
    """A model whose validator fails in its own way for what it does not expect."""

    names: list[str]

    @field_validator("names", mode="before")
    @classmethod
    def _first(cls, given: Any) -> Any:
        return given["names"] if isinstance(given, dict) else [given[0], *given[1:]]


class Raw(BaseModel):
    """A model with bytes, which JSON writes as text."""

    data: bytes


@pytest.mark.parametrize(
    "value",
    [
        Renamed(firstName="a", zweiter="b", third="c"),
        Computed(price=1, parsed="[1, 2]"),
        Open(password="hunter2"),
        Raw(data=b"abc"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_model_comes_back_whatever_its_fields_do(value: BaseModel) -> None:
    """Aliases, computed fields, JSON in a field: what was written is what is read."""
    codec = PydanticCodec(type(value))
    assert value == codec.decode(codec.encode(value))


@pytest.mark.parametrize("type_", [Secretive, list[Secretive]], ids=["model", "list"])
def test_a_secret_is_refused_instead_of_lost(type_: Any) -> None:
    """It would come back as asterisks; the message says what to do, and not the secret."""
    value: Any = Secretive(password=SecretStr("hunter2"))
    with pytest.raises(InvalidArgumentError, match="EncryptedCodec") as caught:
        PydanticCodec(type_).encode(value if type_ is Secretive else [value])
    assert "hunter2" not in str(caught.value)


def test_ten_asterisks_are_a_text_like_others() -> None:
    """Only a secret is refused."""
    codec = PydanticCodec(list[str])
    assert codec.decode(codec.encode(["**********"])) == ["**********"]


def test_bytes_that_are_no_text_are_refused() -> None:
    """JSON cannot hold them: one line, and no UnicodeDecodeError."""
    with pytest.raises(InvalidArgumentError, match=r"^not a value of the codec's type$"):
        PydanticCodec(Raw).encode(Raw(data=b"\xff"))


@pytest.mark.parametrize("body", [b"5", b"null", b"[]", b"{}"])
def test_a_validator_that_fails_in_its_own_way_means_corrupt(body: bytes) -> None:
    """A TypeError, KeyError or IndexError of the model's own code is no other error to a reader."""
    with pytest.raises(CorruptValueError, match="in a validator"):
        PydanticCodec(Picky).decode(b'v1:{"names": %b}' % body)


# Migrations ----------------------------------------------------------------------------------


class Named(BaseModel):
    """The third version of a shape."""

    first: str
    last: str
    age: int


def _split(old: dict[str, Any]) -> dict[str, Any]:
    first, _, last = old["name"].partition(" ")
    return {"first": first, "last": last}


MIGRATIONS = {1: _split, 2: lambda old: {**old, "age": 0}}
ADA = Named(first="Ada", last="Lovelace", age=0)


@pytest.mark.parametrize(
    "data",
    [
        b'v1:{"name": "Ada Lovelace"}',
        b'v2:{"first": "Ada", "last": "Lovelace"}',
        b'v3:{"first": "Ada", "last": "Lovelace", "age": 0}',
    ],
)
def test_older_versions_are_migrated_step_by_step(data: bytes) -> None:
    """Each version goes through every later step, and through no earlier one."""
    codec = PydanticCodec(Named, schema_version=3, migrations=MIGRATIONS)
    assert codec.decode(data) == ADA


@pytest.mark.parametrize("data", [b'v0:{"name": "Ada"}', b'v4:{"name": "Ada"}'])
def test_a_version_without_a_way_here_is_said(data: bytes) -> None:
    """Older than the first step, or newer than we are: no guess."""
    codec = PydanticCodec(Named, schema_version=3, migrations=MIGRATIONS)
    with pytest.raises(SchemaVersionError, match=rf"^schema version {data[1:2].decode()}, not 3$"):
        codec.decode(data)


def test_a_missing_step_is_said() -> None:
    """A gap in the chain is another version, also where the first step is there."""
    codec = PydanticCodec(Named, schema_version=3, migrations={1: _split})
    for data in (b'v1:{"name": "Ada"}', b'v2:{"first": "Ada", "last": ""}'):
        with pytest.raises(SchemaVersionError):
            codec.decode(data)


@pytest.mark.parametrize("body", [b"{}", b"[]", b"7", b"not JSON", b"", b"[" * 100_000])
def test_a_failing_migration_is_a_corrupt_value(body: bytes) -> None:
    """Whatever it raises: the old value is not usable, and the reader is told so."""
    codec = PydanticCodec(Named, schema_version=3, migrations=MIGRATIONS)
    with pytest.raises(CorruptValueError, match="version 1 that cannot be migrated"):
        codec.decode(b"v1:" + body)


def test_a_migration_to_another_shape_is_a_corrupt_value() -> None:
    """What a migration made is validated like what was stored."""
    codec = PydanticCodec(Named, schema_version=2, migrations={1: lambda _: {"first": 1}})
    with pytest.raises(CorruptValueError, match="age, first, last"):
        codec.decode(b"v1:{}")


def test_a_migration_from_the_own_version_is_refused() -> None:
    """It would never run."""
    with pytest.raises(InvalidArgumentError, match="from 2 to 3, but schema_version is 2"):
        PydanticCodec(Named, schema_version=2, migrations={2: _split})


# The codec of a return annotation --------------------------------------------------------------

T = TypeVar("T")


class Box(BaseModel, Generic[T]):
    """A generic model."""

    content: T


@dataclass
class Point:
    """A dataclass."""

    x: int


TYPED = [
    (User, ANN),
    (User | None, ANN),
    (list[User], [ANN]),
    (dict[str, User], {"a": ANN}),
    (Box[User], Box[User](content=ANN)),
    (Point, Point(1)),
    (datetime, datetime(2026, 1, 1, tzinfo=UTC)),
    (tuple[int, str], (1, "a")),
    (set[int], {1}),
    (bytes, b"abc"),
    (dict[int, str], {1: "a"}),
    (Literal[1, "a"], "a"),
    (Annotated[int, Field(gt=0)], 1),
    (Colour, Colour.RED),
]
PLAIN = [
    *(int, str, None, Any, object, list, dict, list[int], dict[str, list[float | None]]),
    *(Optional[str], int | None, dict[str, Any]),  # noqa: UP045 - both spellings
    *(typing.Dict, typing.List),  # noqa: UP006 - old code has them
]


@pytest.mark.parametrize(("annotation", "value"), TYPED, ids=lambda item: str(item)[:40])
def test_what_json_would_change_gets_a_codec_of_its_type(annotation: Any, value: Any) -> None:
    """It comes back equal, and of its type."""
    codec = codec_for(annotation)
    assert _same(value, codec.decode(codec.encode(value)))


@pytest.mark.parametrize("annotation", PLAIN, ids=str)
def test_what_json_keeps_is_plain_json(annotation: Any) -> None:
    """Other languages read it too, and it costs less."""
    assert codec_for(annotation) is JSON


@pytest.mark.parametrize("annotation", [Iterator[int], Exception, 5, Annotated[list, []]], ids=str)
def test_a_type_that_pydantic_does_not_know_gets_json(annotation: Any) -> None:
    """It refuses such a value when there is one; a function's definition is no place to fail."""
    assert codec_for(annotation) is JSON


class Unfinished(BaseModel):
    """A model whose field has a type that is nowhere."""

    other: "Nowhere"  # type: ignore[name-defined]  # noqa: F821 - on purpose


def test_a_model_that_is_wrong_itself_makes_no_value_corrupt() -> None:
    """A store would delete good values for a mistake in the program."""
    with pytest.raises(PydanticUserError, match="not fully defined"):
        PydanticCodec(Unfinished).decode(b"v1:{}")
