"""Typed values, over every backend, face and driver."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Generic, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from pydantic import BaseModel
from tests.contract.conftest import Place
from tests.support.things import store_of

from valkey_redis import (
    AsyncModelStore,
    CorruptValueError,
    EncryptedCodec,
    InvalidArgumentError,
    ModelStore,
    PydanticCodec,
    SchemaVersionError,
    ValkeyClient,
    scripts,
)
from workshop.interleave import explore, step
from workshop.lab import Lab, open_backend
from workshop.schedule import End

T = TypeVar("T")
BERLIN = ZoneInfo("Europe/Berlin")


class Address(BaseModel):
    """A model in a model."""

    street: str
    floor: int | None = None


class User(BaseModel):
    """A model with fields that plain JSON does not keep."""

    id: UUID
    name: str
    joined: datetime
    balance: Decimal = Decimal(0)
    home: Address | None = None


class Page(BaseModel, Generic[T]):
    """A generic model."""

    items: list[T]
    next: int | None


@dataclass
class Point:
    """A dataclass."""

    x: int


ANN = User(id=UUID(int=1), name="Ann", joined=datetime(2026, 10, 25, 2, 30, tzinfo=UTC))
BOB = ANN.model_copy(update={"name": "Bob", "home": Address(street="Main", floor=2)})
VALUES: list[tuple[Any, Any]] = [
    (User, ANN),
    (User, BOB),
    (Page[User], Page[User](items=[ANN, BOB], next=None)),
    (User | None, ANN),
    (User | None, None),
    (list[User], [ANN, BOB]),
    (dict[int, User], {1: ANN}),
    (datetime, datetime(2026, 1, 1, 12, tzinfo=UTC)),
    (tuple[int, str], (1, "a")),
    (Point, Point(1)),
    (int, 0),
    (str, ""),
    (list[int], []),
]


async def test_a_value_comes_back_as_it_was(client: Any) -> None:
    """Equal and of its type: models, nested, generic, optional, dates, lists, plain types."""
    for model, value in VALUES:
        store = store_of(client, model)
        await store.set(1, value)
        found = await store.get(1)
        assert (found, type(found)) == (value, type(value))
        assert await store.get_many([1, 2]) == {1: value}


async def test_a_time_keeps_its_instant_and_offset(client: Any) -> None:
    """The zone's name is not in JSON; the offset is."""
    store = store_of(client, datetime)
    given = datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=BERLIN)
    await store.set(1, given)
    found = await store.get(1)
    assert (found, found.utcoffset()) == (given.astimezone(UTC), given.utcoffset())


async def test_what_is_there_is_found_and_deleted(client: Any) -> None:
    """By id, as a number or a text; nothing else is touched."""
    store = store_of(client, User)
    assert await store.get(1) is None
    assert (await store.exists(1), await store.ttl(1)) == (False, 0)
    await store.set_many({1: ANN, "a:b": BOB, "c": BOB})
    assert await store.get_many(["a:b", 1, 7]) == {"a:b": BOB, 1: ANN}
    assert await store.get_many([]) == {}
    assert await store.get_many(iter(["1"])) == {"1": ANN}
    assert (await store.exists(1), await client.exists("shop:1", "shop:a%3Ab")) == (True, 2)
    assert await store.delete(1, "a:b", 7) == 2
    assert await store.delete() == 0
    assert (await store.get_many([1, "a:b", "c"]), await store.exists(1)) == ({"c": BOB}, False)


async def test_every_value_expires(client: Any) -> None:
    """By default after `default_ttl`, else when it is said; nothing is stored for ever."""
    store = store_of(client, int, default_ttl=timedelta(minutes=5))
    await store.set(1, 1)
    await store.set(2, 2, ttl=1000)
    await store.set_many({3: 3})
    await store.set_many({4: 4}, ttl=timedelta(seconds=2000))
    lifetimes = [await store.ttl(id_) for id_ in (1, 2, 3, 4)]
    expected = [300, 1000, 300, 2000]
    for lifetime, most in zip(lifetimes, expected, strict=True):
        assert most - 20 < lifetime <= most


async def test_a_wrong_lifetime_is_refused_by_its_name(client: Any) -> None:
    """In one line, and nothing is stored."""
    store = store_of(client, int)
    wrong: list[Any] = [0, -1, float("nan"), float("inf"), "5", True, timedelta(0)]
    for ttl in wrong:
        with pytest.raises(InvalidArgumentError, match=r"^ttl="):
            await store.set(1, 1, ttl=ttl)
        with pytest.raises(InvalidArgumentError, match=r"^ttl="):
            await store.set_many({1: 1}, ttl=ttl)
        with pytest.raises(InvalidArgumentError, match=r"^default_ttl="):
            store_of(client, int, default_ttl=ttl)
    assert await store.exists(1) is False


async def test_a_wrong_value_is_refused_and_nothing_stored(client: Any) -> None:
    """Before anything is sent: of several values none, if one is wrong."""
    store = store_of(client, User)
    for wrong in (None, "Ann", Address(street="x"), {"name": "Ann"}):
        with pytest.raises(InvalidArgumentError, match="codec's type"):
            await store.set(1, wrong)
        with pytest.raises(InvalidArgumentError):
            await store.set_many({1: ANN, 2: wrong})
    assert await store.get_many([1, 2]) == {}


# Other versions ------------------------------------------------------------------------------

MIGRATIONS: dict[int, Callable[[Any], Any]] = {
    1: lambda old: {**old, "street": old["road"]},
    2: lambda old: {**old, "floor": 3},
}


async def test_older_values_are_migrated(client: Any) -> None:
    """Through every later step; it is the value of today that comes back."""
    store = store_of(client, Address, schema_version=3, migrations=MIGRATIONS)
    await client.raw.execute_command("SET", "shop:1", b'v1:{"road":"Main"}')
    await client.raw.execute_command("SET", "shop:2", b'v2:{"street":"Main"}')
    assert await store.get_many([1, 2]) == dict.fromkeys([1, 2], Address(street="Main", floor=3))


BAD: list[tuple[bytes, type[Exception]]] = [
    (b"v1:{}", CorruptValueError),
    (b'v0:{"road":"Main"}', SchemaVersionError),
    (b'v4:{"street":"Main"}', SchemaVersionError),
    (b"v3:{}", CorruptValueError),
    (b"", CorruptValueError),
    (b"\xff\x00", CorruptValueError),
]


async def test_a_value_that_cannot_be_read_is_missing_or_said(client: Any) -> None:
    """Missing, and deleted unless told not to; or an error that names the key, and no deletion."""
    make = partial(store_of, client, Address, schema_version=3, migrations=MIGRATIONS)
    raw = client.raw.execute_command
    await make().set(2, Address(street="good"))
    for data, error in BAD:
        await raw("SET", "shop:1", data)
        with pytest.raises(CorruptValueError, match=r"^shop:1: ") as caught:
            await make(throw_on_parse=True).get(1)
        assert type(caught.value) is error
        assert await make(delete_corrupt=False).get(1) is None
        assert await raw("GET", "shop:1") == data
        assert await make().get_many([1, 2]) == {2: Address(street="good")}
        assert await make().exists(1) is False


async def test_a_key_of_another_type_is_missing(client: Any) -> None:
    """A list or a hash is nobody's value: the others are read, and it can be replaced."""
    raw, store = client.raw.execute_command, store_of(client, int)
    await raw("RPUSH", "shop:1", 1)
    await raw("HSET", "shop:2", "f", 1)
    await store.set(3, 3)
    assert await store.get_many([1, 2, 3]) == {3: 3}
    assert await store.get(1) is None
    await store.set(1, 1)
    assert await store.get(1) == 1


def _lab(fake: Lab) -> Lab:
    """Return the lab with clients that give bytes, as the package's own do."""

    def connect(name: str, recorder: Any, *, decode: bool = True, is_async: bool = False) -> Any:
        return fake.connect(name, recorder, decode=decode and recorder is None, is_async=is_async)

    return Lab(connect, follows_the_clock=True)


def test_a_good_value_written_meanwhile_is_never_deleted() -> None:
    """Whatever the order: a reader of the corrupt value deletes that, and no other."""

    def plant(server: Any) -> None:
        server.script_load(scripts.load("delete_if").source)  # in each schedule alike
        server.set("shop:1", "corrupt")

    def read(raw: Any) -> None:
        store = ModelStore(int, ValkeyClient(raw=raw), prefix="shop", default_ttl=60)
        assert store.get(1) in {None, 7}

    def write(raw: Any) -> None:
        store = ModelStore(int, ValkeyClient(raw=raw), prefix="shop", default_ttl=60)
        step("it is about to write")
        store.set(1, 7)

    def check(end: End) -> None:
        assert end.server.get("shop:1") == "v1:7"

    with open_backend("fakeredis") as labs:
        explored = explore(plant, [read, write, read], check, lab=_lab(labs()))
    assert explored.schedules >= 3


# Where it is ---------------------------------------------------------------------------------


def test_from_env_is_over_the_server_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both faces, with all settings; nothing is connected yet."""
    monkeypatch.setenv("VALKEY_URL", "redis://127.0.0.1:7001/1")
    settings: dict[str, Any] = {
        "prefix": "user",
        "default_ttl": 60,
        "schema_version": 2,
        "throw_on_parse": True,
        "delete_corrupt": False,
    }
    for kind in (ModelStore, AsyncModelStore):
        store = kind.from_env(User, **settings)
        assert "redis://127.0.0.1:7001" in repr(store.client)
        assert store.key(1) == "user:1"
    with pytest.raises(InvalidArgumentError, match="namespace 'a:b'"):
        ModelStore.from_env(User, prefix="a:b", default_ttl=1)


# Encrypted -----------------------------------------------------------------------------------

KEY, NEW = EncryptedCodec.new_key(), EncryptedCodec.new_key()


async def test_an_encrypted_store_shows_the_server_nothing(client: Any, place: Place) -> None:
    """No word of a value in anything that the server holds; the key brings it back, also rotated."""
    inner = PydanticCodec(User)
    store = store_of(client, User, codec=EncryptedCodec([KEY], inner))
    await store.set_many({1: ANN, 2: BOB})
    assert await store.get_many([1, 2]) == {1: ANN, 2: BOB}
    for number in (1, 2):
        held = await client.raw.execute_command("GET", f"shop:{number}")
        for word in (b'"Ann', b'"Bob', b'"name', b'"2026', b'"Main'):  # base64 has no quotes
            assert word not in held
    async with place.connect() as other:
        rotated = store_of(other, User, codec=EncryptedCodec([NEW, KEY], inner))
        assert await rotated.get(1) == ANN
        stranger = EncryptedCodec([NEW], inner)
        with pytest.raises(CorruptValueError, match=r"^shop:1: ") as caught:
            await store_of(other, User, codec=stranger, throw_on_parse=True).get(1)
        assert KEY not in str(caught.value)
        assert NEW not in str(caught.value)
        assert await store_of(other, User, codec=stranger, delete_corrupt=False).get(1) is None
    assert await store.get(1) == ANN


def test_a_codec_and_a_schema_version_are_refused_together() -> None:
    """The version would be ignored; the message says where it belongs."""
    codec = EncryptedCodec([KEY], PydanticCodec(User))
    client = ValkeyClient("valkey://127.0.0.1:1")
    for settings in ({"schema_version": 2}, {"migrations": MIGRATIONS}):
        with pytest.raises(InvalidArgumentError, match="EncryptedCodec"):
            ModelStore(User, client, prefix="x", default_ttl=1, codec=codec, **settings)
