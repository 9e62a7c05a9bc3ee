"""get, set, delete, exists and scan, over every backend, face and driver."""

from datetime import timedelta
from typing import Any

import pytest

from valkey_redis import CommandError, CorruptValueError, InvalidArgumentError

VALUES = [
    None,
    0,
    -1,
    1.5,
    "",
    "text ü 漢 \x00",
    False,
    True,
    [],
    {},
    {"a": [1, {"b": None}], "": [True, "x"]},
]
BAD_LIFETIMES = [
    0,
    -1,
    float("nan"),
    float("inf"),
    True,
    False,
    "10",
    timedelta(0),
    timedelta(seconds=-1),
]
# Keys of several slots, so that a cluster has them on several nodes.
KEYS = [f"key:{number}" for number in range(12)]


@pytest.mark.parametrize("value", VALUES, ids=repr)
async def test_a_value_comes_back_equal_and_of_its_type(client: Any, value: Any) -> None:
    """What was set is what get returns, falsy values included."""
    assert await client.set("k", value) is None
    read = await client.get("k")
    assert value == read
    assert type(value) is type(read)


async def test_a_stored_none_exists(client: Any) -> None:
    """None is a value: the key is there, although get returns None as for a missing one."""
    await client.set("none", None)
    assert [await client.get("none"), await client.get("missing")] == [None, None]
    assert [await client.exists("none"), await client.exists("missing")] == [1, 0]


async def test_keys_may_be_text_or_bytes(client: Any) -> None:
    """A key is the same whether it is given as text or as its UTF-8 bytes."""
    await client.set("schlüssel", 1)
    assert await client.get("schlüssel".encode()) == 1


@pytest.mark.parametrize("ex", [100, 100.0, timedelta(seconds=100)], ids=repr)
async def test_set_with_ex_expires(client: Any, ex: Any) -> None:
    """A value set with ex= has that time to live, in seconds or as a timedelta."""
    await client.set("k", 1, ex=ex)
    assert 90 < await client.ttl("k") <= 100


async def test_a_short_lifetime_is_kept(client: Any) -> None:
    """A fraction of a second is no 0: the value is stored, and is gone afterwards."""
    await client.set("k", 1, ex=0.0001)
    assert await client.ttl("k") <= 0.001


@pytest.mark.parametrize("ex", BAD_LIFETIMES, ids=repr)
async def test_a_wrong_lifetime_is_refused_and_nothing_is_lost(client: Any, ex: Any) -> None:
    """A lifetime that is 0, negative, NaN, infinite or no number is refused before it is sent."""
    await client.set("k", 7, ex=100)
    for call in (client.set("k", 8, ex=ex), client.incr("k", ex=ex), client.expire("k", ex)):
        with pytest.raises(InvalidArgumentError, match=r"^ex=.*takes seconds \(a number more"):
            await call
    assert await client.get("k") == 7
    assert await client.ttl("k") > 90


async def test_set_without_ex_removes_the_expiry(client: Any) -> None:
    """A value set without ex= never expires, whatever was there before."""
    await client.set("k", 1, ex=100)
    await client.set("k", 2)
    assert await client.ttl("k") is None


async def test_a_value_that_json_would_change_is_refused(client: Any) -> None:
    """A tuple would come back as a list, so it is refused and nothing is stored."""
    with pytest.raises(InvalidArgumentError, match="type tuple"):
        await client.set("k", (1, 2))
    assert await client.exists("k") == 0


async def test_delete_and_exists_take_keys_of_several_slots(client: Any) -> None:
    """Both count over every key, wherever a cluster holds it; one named twice counts twice."""
    for key in KEYS:
        await client.set(key, key)
    assert await client.exists(*KEYS, "missing", KEYS[0]) == len(KEYS) + 1
    assert await client.delete(*KEYS[:5], "missing") == 5
    assert await client.exists(*KEYS) == len(KEYS) - 5
    assert await client.delete(KEYS[5]) == 1
    assert await client.get(KEYS[6]) == KEYS[6]


async def test_delete_and_exists_of_nothing_are_zero(client: Any) -> None:
    """No key at all is no error."""
    assert [await client.delete(), await client.exists()] == [0, 0]


async def test_scan_finds_every_key(client: Any) -> None:
    """scan() yields each key of every node as text, and no other."""
    expected = {f"many:{number}" for number in range(1200)}
    pipeline = client.pipeline()
    for key in expected:
        pipeline.set(key, 1)
    await pipeline.execute()
    await client.set("other", 1)
    assert {key async for key in client.scan()} == expected | {"other"}
    assert {key async for key in client.scan("many:*")} == expected
    assert [key async for key in client.scan("none:*")] == []


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"plain text", b"[1,]"], ids=repr)
async def test_bytes_that_are_not_json_are_corrupt(client: Any, data: bytes) -> None:
    """Foreign bytes raise CorruptValueError, whose text does not show them."""
    await client.raw.execute_command("SET", "k", data)
    with pytest.raises(CorruptValueError, match=f"^{len(data)} bytes that are not JSON$"):
        await client.get("k")


async def test_the_wrong_type_is_a_command_error_of_one_line(client: Any) -> None:
    """WRONGTYPE is a CommandError that says so in one line."""
    await client.raw.execute_command("RPUSH", "list", "item")
    for call in (client.get("list"), client.incr("list"), client.incr("list", ex=10)):
        with pytest.raises(CommandError, match="WRONGTYPE") as caught:
            await call
        assert len(str(caught.value).splitlines()) == 1
