"""The keys of calls: one for two calls exactly if their arguments bind to the same."""

import inspect
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from enum import Enum, Flag, IntEnum, IntFlag
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from valkey_redis import InvalidArgumentError
from valkey_redis.callkeys import CallKey, encode_argument

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

    def find(self, row_id: int) -> None:
        """Do nothing."""


class B:
    """See A."""

    def active(self) -> None:
        """Do nothing."""


class Size(Enum):
    """A value that must not meet its own text."""

    SMALL = "small"


class Number(IntEnum):
    """A value that must not meet its own number."""

    ONE = 1


class Right(Flag):
    """Values of which a combination may have no name."""

    READ = 1
    WRITE = 2


class Bits(IntFlag):
    """Values that may hold more than was named."""

    ONE = 1


@dataclass
class Point:
    """A dataclass."""

    x: int
    y: int


class Place(NamedTuple):
    """A tuple with a name."""

    x: int
    y: int


class Item(BaseModel):
    """A model."""

    x: int
    y: int = 0


class Other(BaseModel):
    """A model with the fields of another."""

    x: int
    y: int = 0


class Masked(str):
    """A text that hides itself, as secrets do."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "***"


class Unnamed(tzinfo):
    """A zone whose only text is its address."""

    def utcoffset(self, _: datetime | None) -> timedelta:
        """Return no offset."""
        return timedelta(0)


def f(a: Any, b: Any = None) -> None:
    """Take one argument or two."""


def every(a: Any, /, b: Any, *rest: Any, c: Any = 1, **more: Any) -> None:
    """Take arguments of every kind."""


def call_key(function: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    """Return the key of a call."""
    return CallKey(function)(*args, **kwargs)


BERLIN = ZoneInfo("Europe/Berlin")
DIFFERENT = {
    "a number and its text": (call_key(f, 2), call_key(f, "2")),
    "None and no text": (call_key(f, None), call_key(f, "")),
    "None and its text": (call_key(f, None), call_key(f, "None")),
    "a list and its joined text": (call_key(f, ["a", "b"]), call_key(f, "a:b")),
    "a list and its repr": (call_key(f, ["a"]), call_key(f, "['a']")),
    "a moved separator": (call_key(f, "1:b:2", "3"), call_key(f, "1", "2:b:3")),
    "a default and no text": (call_key(f, "1"), call_key(f, "1", "")),
    "methods of two classes": (call_key(A.active, 1), call_key(B.active, 1)),
    "methods of one class": (call_key(A.active, 1), call_key(A.find, 1, 1)),
    "int and float": (call_key(f, 1), call_key(f, 1.0)),
    "int and bool": (call_key(f, 1), call_key(f, True)),
    "bytes and text": (call_key(f, b"a"), call_key(f, "a")),
    "tuple and list": (call_key(f, (1, 2)), call_key(f, [1, 2])),
    "set and list": (call_key(f, {1, 2}), call_key(f, [1, 2])),
    "set and frozenset": (call_key(f, {1}), call_key(f, frozenset([1]))),
    "an enum and its text": (call_key(f, Size.SMALL), call_key(f, "small")),
    "an enum and its number": (call_key(f, Number.ONE), call_key(f, 1)),
    "two flags": (call_key(f, Right.READ), call_key(f, Right.READ | Right.WRITE)),
    "no flag and one": (call_key(f, Right(0)), call_key(f, Right.READ)),
    "flags without a name": (call_key(f, Bits(8)), call_key(f, Bits(16))),
    "a dataclass and its dict": (call_key(f, Point(1, 2)), call_key(f, {"x": 1, "y": 2})),
    "two points": (call_key(f, Point(1, 2)), call_key(f, Point(2, 1))),
    "a named tuple and a tuple": (call_key(f, Place(1, 2)), call_key(f, (1, 2))),
    "two models": (call_key(f, Item(x=1)), call_key(f, Item(x=2))),
    "models of two classes": (call_key(f, Item(x=1)), call_key(f, Other(x=1))),
    "a class and its name": (call_key(f, Item), call_key(f, "Item")),
    "two classes": (call_key(f, Item), call_key(f, Other)),
    "another nesting": (call_key(f, [[1], 2]), call_key(f, [[1, 2]])),
    "key and value": (call_key(f, {"a": "b"}), call_key(f, {"ab": ""})),
    "key for value": (call_key(f, {"a": "b"}), call_key(f, {"b": "a"})),
    "decimals": (call_key(f, Decimal("1.0")), call_key(f, Decimal("1.00"))),
    "a date and a time": (
        call_key(f, date(2026, 1, 1)),
        call_key(f, datetime(2026, 1, 1, tzinfo=UTC)),
    ),
    "two zones": (
        call_key(f, datetime(2026, 1, 1, tzinfo=UTC)),
        call_key(f, datetime(2026, 1, 1, tzinfo=BERLIN)),
    ),
    "an hour twice": (
        call_key(f, datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN)),
        call_key(f, datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1)),
    ),
    "a UUID and its text": (call_key(f, UUID(int=1)), call_key(f, str(UUID(int=1)))),
    "a length and seconds": (call_key(f, timedelta(1)), call_key(f, 86400)),
    "texts that hide themselves": (call_key(f, Masked("a")), call_key(f, Masked("b"))),
    "rest and keyword": (call_key(every, 1, 2, 3), call_key(every, 1, 2, c=3)),
    "rest in two places": (call_key(every, 1, 2, (3, 4)), call_key(every, 1, 2, 3, 4)),
    "named alike": (call_key(every, 1, 2, a=3), call_key(every, 3, 2, a=1)),
    "more and its name": (call_key(every, 1, 2, d=1), call_key(every, 1, 2, more={"d": 1})),
}
EQUAL = {
    "by name": (call_key(f, 5), call_key(f, a=5)),
    "the default said": (call_key(f, 5), call_key(f, 5, b=None)),
    "in another order": (call_key(f, 5, 6), call_key(f, b=6, a=5)),
    "a dict in another order": (
        call_key(f, {"x": 1, "y": 2}),
        call_key(f, {"y": 2, "x": 1}),
    ),
    "a set in another order": (call_key(f, {"a", "b", "c"}), call_key(f, {"c", "b", "a"})),
    "a model's default": (call_key(f, Item(x=1)), call_key(f, Item(x=1, y=0))),
    "more in another order": (
        call_key(every, 1, 2, d=3, e=4),
        call_key(every, 1, b=2, c=1, e=4, d=3),
    ),
    "one zone": (
        call_key(f, datetime(2026, 1, 1, tzinfo=ZoneInfo("Asia/Tokyo"))),
        call_key(f, datetime(2026, 1, 1, tzinfo=ZoneInfo.no_cache("Asia/Tokyo"))),
    ),
}


@pytest.mark.parametrize(("left", "right"), DIFFERENT.values(), ids=DIFFERENT)
def test_calls_that_differ_have_different_keys(left: str, right: str) -> None:
    """No two calls share a result that are not the same call."""
    assert left != right


@pytest.mark.parametrize(("left", "right"), EQUAL.values(), ids=EQUAL)
def test_equal_calls_have_one_key(left: str, right: str) -> None:
    """However the same arguments are written, the key is the same."""
    assert left == right


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


# Any signature -----------------------------------------------------------------------------

small = st.sampled_from([0, 1, True, "1", None])


@st.composite
def functions(draw: st.DrawFn) -> Callable[..., Any]:
    """Return a function of a random signature: every kind of parameter, some with defaults."""
    positional = draw(st.lists(st.sampled_from("abc"), max_size=3, unique=True))
    only = draw(st.integers(0, len(positional)))
    first_default = draw(st.integers(0, len(positional)))
    named = draw(st.lists(st.sampled_from("uv"), max_size=2, unique=True))
    parts = [
        name if i < first_default else f"{name}={draw(small)!r}"
        for i, name in enumerate(positional)
    ]
    if only:
        parts.insert(only, "/")
    if draw(st.booleans()):
        parts.append("*rest")
    elif named:
        parts.append("*")
    parts += [name if draw(st.booleans()) else f"{name}={draw(small)!r}" for name in named]
    if draw(st.booleans()):
        parts.append("**more")
    scope: dict[str, Any] = {}
    exec(f"def made({', '.join(parts)}): pass", scope)  # noqa: S102 - of the names above
    made: Callable[..., Any] = scope["made"]
    return made


calls = st.tuples(
    st.lists(small, max_size=4), st.dictionaries(st.sampled_from("abcuvd"), small, max_size=4)
)


@given(function=functions(), left=calls, right=calls)
def test_any_two_calls_have_one_key_exactly_if_they_bind_to_the_same(
    function: Callable[..., Any],
    left: tuple[list[Any], dict[str, Any]],
    right: tuple[list[Any], dict[str, Any]],
) -> None:
    """For any signature, as `inspect` binds it; what does not fit is a TypeError as in the call."""
    key = CallKey(function)
    bound = [_bind(function, call) for call in (left, right)]
    keys = []
    for (args, kwargs), fits in zip((left, right), bound, strict=True):
        if fits is None:
            with pytest.raises(TypeError) as ours:
                key(*args, **kwargs)
            with pytest.raises(TypeError) as own:
                function(*args, **kwargs)
            assert str(own.value) == str(ours.value)
        else:
            keys.append(key(*args, **kwargs))
    if len(keys) == 2:
        assert (_typed(bound[0]) == _typed(bound[1])) is (keys[0] == keys[1])


@given(function=functions(), call=calls, data=st.data())
def test_a_call_written_otherwise_has_the_same_key(
    function: Callable[..., Any], call: tuple[list[Any], dict[str, Any]], data: st.DataObject
) -> None:
    """Defaults said or left out, by name or by place: it is one call."""
    bound = _bind(function, call)
    if bound is None:
        return
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for name, item in inspect.signature(function).parameters.items():
        if item.kind is item.VAR_POSITIONAL:
            args += bound[name]
        elif item.kind is item.VAR_KEYWORD:
            kwargs |= bound[name]
        elif item.kind is item.POSITIONAL_ONLY or (
            item.kind is item.POSITIONAL_OR_KEYWORD
            and (bound.get("rest") or (not kwargs and data.draw(st.booleans())))
        ):
            args.append(bound[name])
        else:
            kwargs[name] = bound[name]
    key = CallKey(function)
    assert key(*call[0], **call[1]) == key(*args, **kwargs)


def _bind(
    function: Callable[..., Any], call: tuple[list[Any], dict[str, Any]]
) -> dict[str, Any] | None:
    """Return what the call binds to, None if it does not fit."""
    try:
        bound = inspect.signature(function).bind(*call[0], **call[1])
    except TypeError:
        return None
    bound.apply_defaults()
    return dict(bound.arguments)


# What is left out, and how it is named -------------------------------------------------------


def test_what_is_ignored_is_not_in_the_key() -> None:
    """Neither `self` nor another parameter that is named, however it is given."""
    key = CallKey(A.find, ignore=["self"])
    assert key(A(), 1) == key(A(), row_id=1) == key(object(), 1)
    assert key(A(), 1) != key(A(), 2)
    key = CallKey(every, ignore=("b", "rest", "more"))
    assert key(1, 2) == key(1, 3, 4, 5, d=6) != key(2, 2)
    assert key(1, 2, c=2) != key(1, 2, c=3)


def test_an_unknown_name_to_ignore_is_refused() -> None:
    """A misspelt name would leave the argument in the key unnoticed."""
    with pytest.raises(InvalidArgumentError, match=r"ignore 'sel': A.find takes self, row_id$"):
        CallKey(A.find, ignore=["sel"])


def test_a_name_stands_for_the_function() -> None:
    """Two functions with one name share keys on purpose; without, the module and class tell."""
    assert CallKey(A.active, name="x")(1) == CallKey(B.active, name="x")(1)
    assert CallKey(f, name="user")(1).startswith("user:")
    assert CallKey(f)(1).startswith(f"{__name__}.f:")
    assert CallKey(f, name="a:b{c}")(1).startswith("a%3Ab%7Bc%7D:")


def test_self_is_an_argument_like_others() -> None:
    """Two equal objects have one key, two others two; a plain object is refused."""

    def method(self: Any, a: int) -> None:
        """Do nothing."""

    key = CallKey(method)
    assert key(Point(1, 2), 3) == key(Point(1, 2), a=3)
    assert key(Point(1, 2), 3) != key(Point(1, 3), 3)
    assert CallKey(method)(self=1, a=2) == key(1, 2)
    with pytest.raises(InvalidArgumentError, match=r"type A: .* leave it out with ignore="):
        CallKey(A.active)(A())


def test_a_key_is_short_whatever_the_arguments() -> None:
    """Long arguments make no long key."""
    assert len(call_key(f, "x" * 10_000)) == len(call_key(f, ""))


# What is refused ---------------------------------------------------------------------------


def test_an_argument_whose_text_is_an_address_is_refused() -> None:
    """Such a key would be another one each time; the message says what to do."""
    for value in (
        object(),
        A(),
        lambda: None,
        [A()],
        {"x": A()},
        f,
        A().active,
        datetime(2026, 1, 1, tzinfo=Unnamed()),
        time(tzinfo=Unnamed()),
    ):
        with pytest.raises(InvalidArgumentError, match="or make the key with key_fn="):
            call_key(f, value)


def test_an_argument_without_an_end_is_refused() -> None:
    """A list that holds itself is refused in one line, not a RecursionError."""
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(InvalidArgumentError, match="holds itself"):
        call_key(f, endless)


def test_a_call_that_does_not_fit_is_a_type_error() -> None:
    """A wrong call fails as the function itself would."""
    with pytest.raises(TypeError, match=r"^f\(\) missing 1 required positional argument: 'a'$"):
        call_key(f)
    with pytest.raises(TypeError, match=r"^A\.find\(\) got an unexpected keyword argument 'x'$"):
        call_key(A.find, 1, x=1)


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
        for seed in (0, 1)
    }
    assert len(keys) == 1
