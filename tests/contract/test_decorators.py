"""Decorated functions and methods, over every backend, face and driver."""

import functools
import inspect
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Optional

import pytest
import pytest_asyncio
from pydantic import BaseModel
from pydantic_core import core_schema
from tests.contract.conftest import Place
from tests.support.backends import Kind, every_kind
from tests.support.faces import AwaitableClient

from valkey_redis import (
    AsyncCache,
    Cache,
    EncryptedCodec,
    InvalidArgumentError,
    PydanticCodec,
    ValkeyConfig,
    cached,
    configure,
    get_async_cache,
    get_cache,
    get_or_set_cache,
    invalidate_cache,
    warm_cache,
)
from valkey_redis.embedded import EmbeddedServer

if TYPE_CHECKING:
    from somewhere import Session  # type: ignore[import-not-found]  # it is not there, on purpose


class User(BaseModel):
    """A model."""

    id: int
    name: str = "Ann"


@dataclass
class Point:
    """A dataclass."""

    x: int


class Face:
    """A cache of either face, and what makes its functions from plain ones."""

    def __init__(self, client: Any, **settings: Any) -> None:
        self.is_async = not isinstance(client, AwaitableClient)
        self.client = client
        settings = {"beta": 0, **settings}
        self.cache: Any = (
            AsyncCache(client, **settings) if self.is_async else Cache(client.sync, **settings)
        )

    def own(self, function: Any) -> Any:
        """Return the function, as a coroutine function for the async face."""
        if not self.is_async:
            return function
        if isinstance(function, (classmethod, staticmethod)):
            return type(function)(self.own(function.__func__))

        @functools.wraps(function)
        async def call(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return call

    def cached(self, *args: Any, **settings: Any) -> Callable[[Callable[..., Any]], Any]:
        """Return the decorator `cached` over this cache, for a plain function."""
        return lambda function: cached(*args, cache=self.cache, **settings)(self.own(function))

    def get_or_set(self, *args: Any, **settings: Any) -> Callable[[Callable[..., Any]], Any]:
        """Return the decorator `get_or_set_cache` over this cache, for a plain function."""
        decorator = get_or_set_cache(*args, cache=self.cache, **settings)
        return lambda function: decorator(self.own(function))


async def result(made: Any) -> Any:
    """Return what was made, awaited if it must be."""
    return await made if inspect.isawaitable(made) else made


@pytest_asyncio.fixture
async def face(client: Any) -> AsyncIterator[Face]:
    """Return the face of one of the twelve places."""
    made = Face(client)
    yield made
    await result(made.cache.close())


async def test_a_function_is_called_once_for_its_arguments(face: Face) -> None:
    """However they are written; its own functions take the same arguments."""
    calls: list[tuple[Any, ...]] = []

    @face.cached()
    def f(a: int, b: str = "x", *, c: int = 1) -> list[int | str]:
        calls.append((a, b, c))
        return [a, b, c, len(calls)]

    first = await result(f(1))
    for same in (f(1), f(a=1), f(1, "x"), f(1, b="x", c=1)):
        assert await result(same) == first == [1, "x", 1, 1]
    assert await result(f(1, c=2)) == [1, "x", 2, 2]
    assert calls == [(1, "x", 1), (1, "x", 2)]
    assert f.key(1) == f.key(a=1, b="x", c=1) != f.key(1, c=2)
    assert await result(face.cache.get(f.key(1))) == first
    assert await result(f.invalidate(a=1)) is True
    assert await result(f(1)) == [1, "x", 1, 3]
    assert await result(f.refresh(1)) == [1, "x", 1, 4]
    assert await result(f(1)) == [1, "x", 1, 4]
    assert await result(f(1, c=2)) == [1, "x", 2, 2]


async def test_none_and_falsehoods_are_results(face: Face) -> None:
    """They are found again, and not computed again."""
    calls: list[Any] = []

    @face.cached()
    def f(a: Any) -> Any:
        calls.append(a)
        return a

    values = [None, 0, "", False, []]
    for _ in range(2):
        assert [await result(f(value)) for value in values] == values
    assert calls == values


async def test_an_error_is_raised_and_not_kept(face: Face) -> None:
    """The next call tries anew; a wrong call is the function's own TypeError."""
    calls: list[int] = []

    @face.cached()
    def f(a: int) -> int:
        calls.append(a)
        return 10 // (len(calls) - 1)

    with pytest.raises(ZeroDivisionError):
        await result(f(1))
    assert await result(f(1)) == 10
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'a'"):
        await result(f())


async def test_methods_are_told_apart_and_bound(face: Face) -> None:
    """By object, by class, by name; `invalidate`, `refresh` and `key` too, bound or not."""
    calls: list[str] = []

    @dataclass
    class Shop:
        city: str

        @face.cached()
        def name(self, row: int = 1) -> str:
            calls.append(self.city)
            return f"{self.city} {row} {len(calls)}"

        @face.cached(ignore=["self"])
        def shared(self, row: int) -> int:
            calls.append("shared")
            return row

    @dataclass
    class Bank:
        city: str

        @face.cached()
        def name(self, row: int = 1) -> str:
            return f"bank {row}"

    rome, oslo = Shop("Rome"), Shop("Oslo")
    assert await result(rome.name()) == await result(Shop("Rome").name(1)) == "Rome 1 1"
    assert await result(Shop.name(rome)) == await result(Shop.name(rome, row=1)) == "Rome 1 1"
    assert await result(Shop.name(self=rome)) == "Rome 1 1"
    assert await result(oslo.name()) == "Oslo 1 2"
    assert await result(Bank("Rome").name()) == "bank 1"
    assert rome.name.key() == Shop.name.key(rome, 1) != oslo.name.key()
    assert await result(rome.name.invalidate()) is True
    assert await result(rome.name()) == "Rome 1 3"
    assert await result(Shop.name.invalidate(rome)) is True
    assert await result(rome.name()) == "Rome 1 4"
    assert await result(rome.name.refresh()) == "Rome 1 5"
    assert await result(Shop.name.refresh(rome, 1)) == "Rome 1 6"
    assert await result(oslo.name()) == "Oslo 1 2"
    assert await result(rome.shared(1)) == await result(oslo.shared(row=1)) == 1
    assert calls.count("shared") == 1


async def test_class_methods_are_keyed_by_class(face: Face) -> None:
    """A subclass's results are its own, called by the class or by an object; static ones are shared."""
    calls: list[str] = []

    class Base:
        @face.cached()
        @classmethod
        def label(cls, row: int = 1) -> str:
            calls.append(cls.__name__)
            return f"{cls.__name__} {row}"

    class Child(Base):
        pass

    assert await result(Base.label()) == await result(Base().label(1)) == "Base 1"
    assert await result(Child.label()) == await result(Child().label(row=1)) == "Child 1"
    assert calls == ["Base", "Child"]
    assert Base.label.key() == Base().label.key(1) != Child.label.key()
    assert await result(Child.label.invalidate()) is True
    assert await result(Base.label()) == "Base 1"
    assert await result(Child.label.refresh()) == "Child 1"
    assert calls == ["Base", "Child", "Child"]


async def test_static_methods_above_and_below(face: Face) -> None:
    """The decorator stands above @staticmethod or below it."""
    calls: list[int] = []

    def double(row: int) -> int:
        calls.append(row)
        return 2 * row

    def treble(row: int) -> int:
        calls.append(row)
        return 3 * row

    class Shop:
        above = face.cached(key_prefix="a")(staticmethod(double))
        below = staticmethod(face.cached(key_prefix="b")(treble))

    for _ in range(2):
        assert await result(Shop.above(1)) == await result(Shop().above(row=1)) == 2
        assert await result(Shop.below(1)) == await result(Shop().below(row=1)) == 3
    assert calls == [1, 1]
    assert await result(Shop.above.invalidate(1)) is True
    await result(Shop().above(1))
    assert calls == [1, 1, 1]


async def test_a_prefix_or_a_function_names_the_key(face: Face) -> None:
    """`key_prefix` stands for the function's name, `key_fn` makes the whole key."""

    @face.cached(60, "price")
    def price(product: int) -> int:
        return product

    @face.get_or_set(lambda user, **_: f"user:{user}")
    def load(user: int, deep: bool = False) -> str:
        return f"{user} {deep}"

    await result(price(1))
    assert price.key(1).startswith("price:")
    assert await result(load(1)) == await result(load(1, deep=True)) == "1 False"
    assert await result(face.cache.get("user:1")) == "1 False"
    assert load.key(2) == "user:2"


async def test_lifetimes_are_those_of_the_decorator(face: Face, place: Place) -> None:
    """ttl, negative_ttl and stale_ttl; without them those of the cache."""

    @face.cached(ttl=1000, negative_ttl=50, stale_ttl=3000)
    def f(a: Any) -> Any:
        return a

    @face.get_or_set(None, 500, stale_ttl=100)
    def g(a: Any) -> Any:
        return a

    @face.cached()
    def h(a: Any) -> Any:
        return a

    async with place.connect() as other:
        for made, a, most in ((f, 1, 4000), (f, None, 3050), (g, 1, 600), (h, 1, 300)):
            await result(face.cache.flush_namespace())
            await result(made(a))
            keys = [key async for key in other.scan() if ":cache:" in key]
            left = max([await other.ttl(key) for key in keys])
            assert most * 0.85 - 10 < left <= most
            for key in keys:
                await other.delete(key)


async def test_tags_are_a_list_or_a_function_of_the_arguments(face: Face) -> None:
    """An invalidated tag takes the results with it that have it, and no others."""
    calls: list[int] = []

    @face.cached(tags=["all"])
    def f(a: int) -> int:
        calls.append(a)
        return a

    @face.cached(tags=lambda a, b=1: [f"user:{a}", f"b:{b}"])
    def g(a: int, b: int = 1) -> int:
        calls.append(10 * a)
        return b

    async def all_again() -> list[int]:
        calls.clear()
        for made in (f(1), f(2), g(1), g(2), g(2, b=3)):
            await result(made)
        return list(calls)

    assert await all_again() == [1, 2, 10, 20, 20]
    assert await all_again() == []
    await result(face.cache.invalidate_tags("user:2"))
    assert await all_again() == [20, 20]
    await result(face.cache.invalidate_tags("b:1"))
    assert await all_again() == [10, 20]
    await result(face.cache.invalidate_tags("all"))
    assert await all_again() == [1, 2]


# Codecs ----------------------------------------------------------------------------------------


async def test_what_a_function_says_that_it_returns_comes_back(  # noqa: C901 - one function a type
    face: Face,
) -> None:
    """Models, lists of them, none or one, dataclasses, dates, tuples: of their type the second time."""

    def model(a: int) -> User:
        return User(id=a)

    def models(a: int) -> list[User]:
        return [User(id=a), User(id=a + 1)]

    def maybe(a: int) -> Optional[User]:  # noqa: UP045 - as older code says it
        return User(id=a) if a else None

    def point(a: int) -> Point:
        return Point(a)

    def moment(a: int) -> datetime:
        return datetime(2026, 1, a + 1, tzinfo=UTC)

    def pair(a: int) -> tuple[int, str]:
        return a, str(a)

    def text(a: int) -> "dict[int, User]":
        return {a: User(id=a)}

    def partly(a: int, session: "Session | None" = None) -> User:  # noqa: ARG001 - its type counts
        return User(id=a)

    for function in (model, models, maybe, point, moment, pair, text, partly):
        made = face.cached()(function)
        for a in (0, 1):
            expected = function(a)
            for _ in range(2):
                found = await result(made(a))
                assert (found, type(found)) == (expected, type(expected))


async def test_without_an_annotation_it_is_json_or_refused(face: Face) -> None:
    """What JSON would change is refused in one line, and nothing is stored."""
    made = face.cached()(lambda a: User(id=a))
    with pytest.raises(InvalidArgumentError, match="a value of type User: JSON takes"):
        await result(made(1))
    assert await result(face.cache.exists(made.key(1))) is False


async def test_a_given_codec_is_used(face: Face) -> None:
    """Whatever the annotation says."""

    @face.cached(codec=PydanticCodec(User, schema_version=7))
    def f(a: int) -> Any:
        return User(id=a)

    assert await result(f(1)) == await result(f(1)) == User(id=1)
    held = await face.client.raw.execute_command("GET", face.cache._keys.entry(f.key(1)))
    assert b';v7:{"id":1' in held


async def test_an_encrypting_cache_encrypts_what_functions_return(client: Any) -> None:
    """The cache's own codec is used; nothing readable is on the server, whatever the annotation."""
    face = Face(client, codec=EncryptedCodec([EncryptedCodec.new_key()]))
    calls: list[int] = []

    @face.cached()
    def f(a: int) -> str:
        calls.append(a)
        return "hunter2"

    @face.get_or_set(use_batch_warmer=True)
    def many(ids: list[int]) -> dict[int, str]:
        return dict.fromkeys(ids, "hunter2")

    for _ in range(2):
        assert await result(f(1)) == "hunter2"
        assert await result(many([1, 2])) == {1: "hunter2", 2: "hunter2"}
    assert calls == [1]
    for key in (f.key(1), many.key(1), many.key(2)):
        held = await client.raw.execute_command("GET", face.cache._keys.entry(key))
        assert b"hunter2" not in held
        assert await result(face.cache.get(key)) == "hunter2"
    await result(face.cache.close())


class Costly:
    """A type whose codec is counted."""

    built = 0

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> Any:
        """Return a schema, and count."""
        cls.built += 1
        return core_schema.no_info_plain_validator_function(
            lambda value: value,
            serialization=core_schema.plain_serializer_function_ser_schema(lambda _: 1),
        )


@pytest.mark.parametrize("place", [("fakeredis", "sync", "valkey")], indirect=True)
async def test_a_codec_is_made_once_for_all_objects(client: Any) -> None:
    """Not with each call of a method: that would cost more than the call saves."""
    face = Face(client)

    class Shop:
        @face.cached(ignore=["self"])
        def f(self, a: int) -> Costly:  # noqa: ARG002 - the key's
            return Costly()

    Costly.built = 0
    for i in range(5):
        await result(Shop().f(i))
    assert Costly.built == 1


# Many at once ----------------------------------------------------------------------------------


async def test_a_batch_warmer_is_asked_for_the_missing_items_once(face: Face) -> None:
    """Each item is cached on its own; what is left out of the result is left out of the answer."""
    asked: list[tuple[list[int], bool]] = []

    @face.get_or_set(use_batch_warmer=True)
    def users(ids: list[int], deep: bool = False) -> dict[int, User]:
        asked.append((ids, deep))
        return {id_: User(id=id_) for id_ in ids if id_ < 90} | {70: User(id=70)}

    assert await result(users([1, 2])) == {1: User(id=1), 2: User(id=2)}
    assert await result(users([2, 3, 99, 3])) == {2: User(id=2), 3: User(id=3)}
    assert await result(users([])) == {}
    assert await result(users((1, 2, 3))) == {i: User(id=i) for i in (1, 2, 3)}
    assert asked == [([1, 2], False), ([3, 99], False)]
    assert await result(users([1], deep=True)) == {1: User(id=1)}
    assert asked[2:] == [([1], True)]
    assert await result(users.invalidate([1, 2])) is True
    assert await result(users(iter([1, 2, 3]))) == {i: User(id=i) for i in (1, 2, 3)}
    assert await result(users.refresh([3])) == {3: User(id=3)}
    assert asked[3:] == [([1, 2], False), ([3], False)]
    assert users.key(1) == users.key(1, deep=False) != users.key(2)


async def test_a_batch_is_keyed_item_by_item(face: Face) -> None:
    """`key_fn` is called for each item; two items of one key are refused, not mixed up."""

    class Shop:
        @face.get_or_set(lambda _self, item: f"item:{item}", use_batch_warmer=True)
        def items(self, ids: list[int]) -> dict[int, str]:
            return {id_: str(id_) for id_ in ids}

    @face.get_or_set(lambda _: "all", use_batch_warmer=True)
    def wrong(ids: list[int]) -> dict[int, str]:
        return {id_: str(id_) for id_ in ids}

    assert await result(Shop().items([1, 2])) == {1: "1", 2: "2"}
    assert await result(face.cache.get_many(["item:1", "item:2"])) == {"item:1": "1", "item:2": "2"}
    assert await result(Shop().items.invalidate([1])) is True
    assert await result(face.cache.get_many(["item:1", "item:2"])) == {"item:2": "2"}
    with pytest.raises(InvalidArgumentError, match="wrong: two items have the key 'all'"):
        await result(wrong([1, 2]))
    assert await result(wrong([1, 1])) == {1: "1"}


async def test_a_wrong_batch_is_refused_clearly(face: Face) -> None:
    """What is no list, and a function that returns no dict."""

    @face.get_or_set(use_batch_warmer=True)
    def f(ids: Any) -> Any:
        return list(ids)

    for wrong, name in ((5, "int"), ("ab", "str"), (b"ab", "bytes"), ({1: 2}, "dict")):
        with pytest.raises(InvalidArgumentError, match=f"first argument, not {name}$"):
            await result(f(wrong))
    with pytest.raises(InvalidArgumentError, match="first argument, not nothing"):
        await result(f(ids=[1]))
    with pytest.raises(InvalidArgumentError, match="must return a dict by item, not list"):
        await result(f([1]))
    assert await result(face.cache.exists(f.key(1))) is False


async def test_warm_cache_is_the_eagerness_of_early_refresh(client: Any) -> None:
    """With it a value may be loaded anew before its end, without it never."""
    face, calls = Face(client, beta=100, jitter=0), [0, 0]

    def load(which: int) -> int:
        calls[which] += 1
        until = datetime.now(tz=UTC).timestamp() + 0.02
        while datetime.now(tz=UTC).timestamp() < until:
            pass  # a load that costs as much
        return which

    warm = face.get_or_set(ttl=1, warm_cache=True)(load)
    cold = face.get_or_set(ttl=5, warm_cache=False)(load)
    for _ in range(40):
        await result(warm(0))
        await result(cold(1))
    # 20 ms * 100 * -ln(1 - dice) is more than 1 s three times in five.
    assert (calls[0] > 1, calls[1]) == (True, 1)
    await result(face.cache.close())


# Functions, and the default cache ----------------------------------------------------------------


async def test_warm_cache_and_invalidate_cache_are_functions_too(face: Face) -> None:
    """They take the cache, and are awaited with an AsyncCache."""
    seen: list[tuple[int, int]] = []

    def load(keys: list[str]) -> dict[str, int]:
        return {key: len(key) for key in keys if key != "bad"}

    warmed = await result(
        warm_cache(
            ["a", "bb", "bad"],
            face.own(load),
            60,
            2,
            cache=face.cache,
            on_progress=lambda done, total: seen.append((done, total)),
        )
    )
    assert (warmed.warm, list(warmed.failed)) == (["a", "bb"], ["bad"])
    assert seen == [(2, 3), (3, 3)]
    assert await result(face.cache.get_many(["a", "bb"])) == {"a": 1, "bb": 2}
    assert await result(invalidate_cache("a", cache=face.cache)) is True
    assert await result(face.cache.get_many(["a", "bb"])) == {"bb": 2}


@every_kind
async def test_without_a_cache_it_is_the_default_one(kind: Kind, server: EmbeddedServer) -> None:
    """That of the settings in force at the call, not at the definition; another after configure()."""
    calls: list[int] = []

    def f(a: int) -> User:
        calls.append(a)
        return User(id=a)

    async def af(a: int) -> User:
        return f(a)

    made: Any = cached(key_prefix="default")(af if kind.face == "async" else f)
    try:
        for db in (1, 2):
            configure(ValkeyConfig(url=f"{kind.url(server.url)}/{db}"))
            cache: Any = get_async_cache() if kind.face == "async" else get_cache()
            await result(cache.flush_namespace())
            for _ in range(2):
                assert await result(made(1)) == User(id=1)
            assert len(calls) == db
            entry = cache._keys.entry(made.key(1))
            assert await result(cache.client.exists(entry)) == 1
            assert await result(made.refresh(1)) == User(id=1)
            assert await result(made.invalidate(1)) is True
            assert await result(cache.client.exists(entry)) == 0
            if kind.face == "sync":
                assert warm_cache(["k"], lambda _: {"k": 1}).warm == ["k"]
                assert cache.get("k") == 1
                assert invalidate_cache("k") is True
                assert cache.get("k") is None
            calls.pop()
            await result(cache.close())
            await result(cache.client.close())
    finally:
        configure()
