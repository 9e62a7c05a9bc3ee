"""Corrupt and foreign bytes where a value should be: a miss, which a load heals, or one error."""

import itertools
import random
from collections.abc import Iterator
from typing import Any

import fakeredis
import pytest
from pydantic import BaseModel
from tests.contract.conftest import Place
from tests.support.cachefaces import Source, cache_at, cache_of
from tests.support.things import store_of

from valkey_redis import (
    JSON,
    Cache,
    Codec,
    CorruptValueError,
    EncryptedCodec,
    ModelStore,
    PydanticCodec,
    ValkeyClient,
    entry,
)

EPOCH = b"9f86d081884c7d65"
VALUE = {"name": "Ada", "tags": [1, None]}
FEW = 20  # payloads for each of the twelve places; the 10,000 are for one
DICE = random.Random(11)  # noqa: S311 - the same payloads in every run


class User(BaseModel):
    """A model."""

    name: str
    age: int = 0


CODECS: list[Codec[Any]] = [
    JSON,
    PydanticCodec(User, schema_version=2),
    PydanticCodec(list[tuple[int, str]]),
    EncryptedCodec([EncryptedCodec.new_key()]),
]


def good(
    kind: bytes = b"v",
    body: bytes = b'{"name":"Ada","tags":[1,null]}',
    tags: bytes = b"",
    *,
    fresh: bytes = b"9795257569469",
    epoch: bytes = EPOCH,
    lease: bytes = b"-" * 16 + b";" + b"0" * 13,
    length: bytes | None = None,
) -> bytes:
    """Return an entry as it is written."""
    size = b"%05d" % len(tags) if length is None else length
    head = [b"vc1" + kind, fresh, b"0000051234", lease, epoch, size]
    return b";".join(head) + b";" + tags + body


# What is wrong in a way of its own. None of it may be served.
SPOILT: list[bytes] = [
    b"",
    b"v",
    b"vc1",
    b"vc1v",
    b"vc2v" + good()[4:],
    b"vc1x" + good()[4:],
    good()[: entry.HEAD - 1],
    good(b"n", b"")[: entry.HEAD - 1],
    good(body=b""),
    good(body=b"{"),
    good(body=b"\xff\xfe"),
    good(body=b"[" * 100_000),
    good(body=b'"\\ud800"'),
    good(body=JSON.encode("x")[:-1]),
    good(body=b"\x80\x04N."),  # a pickle
    good(fresh=b"x" * 13),
    good(fresh=b"nan".rjust(13)),
    good(length=b"xxxxx"),
    good(length=b"99999"),
    good(length=b"-9999"),
    good(tags=b"{"),
    good(tags=b"[[1]]"),
    good(tags=b"5"),
    good(tags=b'"tag"'),
    good(tags=b"null"),
    good(tags=b'{"tag":1}'),
    good(tags=b'{"tag":null}'),
    good(tags=b'{"tag":{}}'),
    good(tags=b'{"tag":"another version"}'),
    good(tags=b'{"":"x","\\n{}":"x"}'),
    good(epoch=b"another epoch..."),
    good(kind=b"l"),
    good(kind=b"l", lease=b"x" * 16 + b";" + b"9" * 13),
    good(kind=b"l", lease=b"x" * 16 + b";" + b"x" * 13),
    good(lease=b"x" * 16 + b";" + b"9" * 13, body=b"{"),
    b"v1:{}",
    b"gAAAAABo",
    b"\x00" * 200,
    b"vc1l;" + b"9" * 200,
]


def mutated(dice: random.Random, data: bytes) -> bytes:
    """Return the bytes with a few changed, cut, doubled or taken away."""
    changed = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        place = dice.randrange(len(changed) + 1)
        match dice.randrange(5):
            case 0:
                changed[place : place + 1] = dice.randbytes(1)
            case 1:
                del changed[place:]
            case 2:
                del changed[place : place + dice.randint(1, 9)]
            case 3:
                changed[place:place] = dice.randbytes(dice.randint(1, 9))
            case _:
                changed[place:place] = changed[: dice.randint(1, 90)]
    return bytes(changed)


def payloads(seed: int) -> Iterator[bytes]:
    """Yield corrupt and foreign bytes without end, the same for each seed."""
    dice = random.Random(seed)  # noqa: S311 - as above
    yield from SPOILT
    whole = [good(), good(b"n", b""), good(tags=b'{"t":"0123456789abcdef"}'), good(b"l", b"")]
    whole += [good(body=codec.encode(User(name="x"))) for codec in CODECS[1:2]]
    whole += [good(body=codec.encode([1])) for codec in (JSON, CODECS[3])]
    while True:
        yield dice.randbytes(dice.randint(0, 200))
        yield b"vc1v" + dice.randbytes(dice.randint(0, 200))
        yield mutated(dice, dice.choice(whole))
        yield mutated(dice, dice.choice(whole))


# Reading, without a server ---------------------------------------------------------------------


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: type(codec).__name__)
def test_no_bytes_raise(codec: Codec[Any]) -> None:
    """Of ten thousand payloads each is something or corrupt, for every codec."""
    for data in itertools.islice(payloads(1), 10_000):
        found = entry.read(codec, data, EPOCH, 1.0)
        assert found.head == data[: entry.HEAD]
        assert found.tags is None or all(isinstance(item, str) for item in found.tags.values())


def test_what_is_spoilt_is_worth_nothing() -> None:
    """Each of the known ways: not fresh, or under tags that do not hold."""
    for data in SPOILT:
        found = entry.read(JSON, data, EPOCH, 1.0)
        assert found.fresh_for <= 0 or not entry.carries(found, (), {}), data
    assert entry.read(JSON, good(), EPOCH, 1.0).value == VALUE


# The cache -------------------------------------------------------------------------------------


def _plant(raw: Any, data: bytes) -> None:
    """Put the bytes where the value of "k" is, and let the epoch be the payloads' own."""
    raw.set("app:epoch", EPOCH, px=10**9)
    raw.set("app:cache:k", data, px=10**9)


@pytest.fixture
def raw() -> Any:
    """Return the driver's client of an empty fakeredis."""
    return fakeredis.FakeValkey(server=fakeredis.FakeServer(server_type="valkey"), protocol=2)


def test_many_payloads_are_missed_and_healed(raw: Any) -> None:
    """Each a miss or, mutated without harm, a value; a load stores a good value in its place."""
    cache = Cache(ValkeyClient(raw=raw), beta=0)
    missed = 0
    for number, data in enumerate(itertools.islice(payloads(2), 1000)):
        _plant(raw, data)
        found = cache.get("k", "missed")
        many = cache.get_many(["k"])
        assert number >= len(SPOILT) or (found, many) == ("missed", {}), data
        if many:
            continue  # say, one letter of the value is another: nobody can know
        missed += 1
        source = Source(number)
        assert cache.get_or_set("k", source) == number
        assert (source.loads, cache.get("k")) == (1, number)
    assert missed > 700
    assert cache.get_stats().counts["corrupt"] > 500


def test_many_payloads_raise_one_error_when_asked(raw: Any) -> None:
    """With `throw_on_corrupt`: CorruptValueError, which names the entry, and never another one."""
    cache = Cache(ValkeyClient(raw=raw), throw_on_corrupt=True)
    thrown = 0
    for data in itertools.islice(payloads(3), 1000):
        _plant(raw, data)
        for call in (lambda: cache.get("k"), lambda: cache.get_many(["k"])):
            try:
                call()
            except CorruptValueError as error:
                thrown += 1
                assert str(error) == "app:cache:k: not what the codec wrote"  # noqa: PT017 - any other exception must fail the test
    assert thrown > 500
    _plant(raw, b"garbage")
    with pytest.raises(CorruptValueError):
        cache.get_or_set("k", Source(1))
    assert cache.set("k", 2) is True
    assert cache.get("k") == 2


async def test_corrupt_bytes_are_missed_and_healed_everywhere(place: Place) -> None:
    """By every method that reads, on every backend."""
    async with cache_at(place, beta=0) as cache, place.connect() as client:
        names = cache.own._keys.entry("k"), cache.own._keys.epoch(cache.own._keys.entry("k"))
        send = client.raw.execute_command
        for number, data in enumerate([*SPOILT, *itertools.islice(payloads(4), 200, 200 + FEW)]):
            await send("SET", names[1], EPOCH, "PX", 10**9)
            await send("SET", names[0], data, "PX", 10**9)
            if await cache.get_many(["k"]):
                continue
            if number % 3 == 0:
                assert await cache.get_or_set("k", Source(number)) == number
            elif number % 3 == 1:
                loaded = await cache.get_or_set_many(["k"], lambda _, n=number: {"k": n})
                assert loaded == {"k": number}
            else:
                assert await cache.refresh("k", Source(number)) == number
            assert await cache.get("k", "missed") == number


async def test_a_key_of_another_type_is_missed_and_healed(client: Any, place: Place) -> None:
    """A list, a hash, a set: a miss, also where corrupt bytes are an error; a load replaces it."""
    cache = cache_of(client, throw_on_corrupt=True)
    name = cache.own._keys.entry("k")
    async with place.connect() as other:
        for words in (("RPUSH", name, 1), ("HSET", name, "f", 1), ("SADD", name, 1)):
            await other.delete(name)
            await other.raw.execute_command(*words)
            assert await cache.get("k", "missed") == "missed"
            assert await cache.get_many(["k"]) == {}
            assert await cache.get_or_set("k", Source(1)) == 1
            assert await cache.get("k") == 1
        await other.delete(name)
        await other.raw.execute_command("RPUSH", name, 1)
        assert await cache.set("k", 2) is True
        assert await cache.get("k") == 2
    await cache.close()


# The store -------------------------------------------------------------------------------------


def test_many_payloads_are_missing_in_a_store(raw: Any) -> None:
    """Each is missing and deleted, or a value of the type: nothing else."""
    store = ModelStore(User, ValkeyClient(raw=raw), prefix="shop", default_ttl=60)
    dice = random.Random(5)  # noqa: S311 - as above
    whole = PydanticCodec(User).encode(User(name="Ada", age=7))
    missing = 0
    for data in itertools.islice(payloads(6), 300):
        for bad in (data, mutated(dice, whole)):
            raw.set("shop:1", bad, px=10**9)
            found = store.get(1)
            missing += found is None
            assert isinstance(found, User) or (found is None and not raw.exists("shop:1"))
    assert missing > 400


def test_many_payloads_are_one_error_in_a_strict_store(raw: Any) -> None:
    """With `throw_on_parse`: CorruptValueError, and nothing is deleted."""
    store = ModelStore(
        User, ValkeyClient(raw=raw), prefix="shop", default_ttl=60, throw_on_parse=True
    )
    thrown = 0
    for data in itertools.islice(payloads(7), 500):
        raw.set("shop:1", data, px=10**9)
        try:
            store.get(1)
        except CorruptValueError as error:
            thrown += 1
            assert str(error).startswith("shop:1: ")  # noqa: PT017 - any other exception must fail the test
        assert raw.get("shop:1") == data
    assert thrown > 450


async def test_corrupt_values_are_deleted_on_every_backend(client: Any) -> None:
    """And only those: the good ones of the same call are returned."""
    store = store_of(client, User)
    ids: list[int | str] = list(range(FEW))
    bad = itertools.islice(payloads(8), 20, 20 + FEW)
    for id_, data in zip(ids, bad, strict=True):
        await client.raw.execute_command("SET", store.own.key(id_), data)
    await store.set("good", User(name="Ada"))
    assert await store.get_many([*ids, "good"]) == {"good": User(name="Ada")}
    assert [await store.exists(id_) for id_ in ids] == [False] * FEW
