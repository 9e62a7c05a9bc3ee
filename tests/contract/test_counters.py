"""incr, expire and ttl, over every backend, face and driver."""

from datetime import timedelta
from typing import Any

import pytest

from valkey_redis import CommandError, InvalidArgumentError


async def test_incr_counts_from_zero(client: Any) -> None:
    """A missing counter is 0; the amount may be negative."""
    assert await client.incr("n") == 1
    assert await client.incr("n", 10) == 11
    assert await client.incr("n", -20) == -9
    assert await client.get("n") == -9


async def test_incr_without_ex_keeps_the_expiry_as_it_is(client: Any) -> None:
    """Counting neither sets nor removes an expiry."""
    await client.incr("n")
    assert await client.ttl("n") is None
    await client.expire("n", 100)
    await client.incr("n")
    assert 90 < await client.ttl("n") <= 100


async def test_incr_with_ex_sets_the_expiry_on_first_use_only(client: Any) -> None:
    """The window runs from the first count: a later one does not prolong it."""
    assert await client.incr("n", ex=50) == 1
    assert 40 < await client.ttl("n") <= 50
    assert await client.incr("n", 4, ex=5000) == 5
    assert 40 < await client.ttl("n") <= 50


async def test_incr_with_ex_mends_an_immortal_counter(client: Any) -> None:
    """A counter that was left without an expiry gets one at its next use."""
    await client.set("n", 3)
    assert await client.incr("n", ex=timedelta(seconds=50)) == 4
    assert 40 < await client.ttl("n") <= 50


async def test_a_tiny_window_does_not_last_forever(client: Any) -> None:
    """A lifetime below a millisecond is rounded up, never to 'no expiry'."""
    assert await client.incr("n", ex=1e-6) == 1
    assert await client.ttl("n") is not None


@pytest.mark.parametrize("amount", [1.5, "1", True, None], ids=repr)
async def test_incr_takes_whole_numbers_only(client: Any, amount: Any) -> None:
    """Any other amount is refused before it is sent."""
    for call in (client.incr("n", amount), client.incr("n", amount, ex=5)):
        with pytest.raises(InvalidArgumentError, match=r"^amount=.*: takes a whole number$"):
            await call
    assert await client.exists("n") == 0


async def test_incr_of_no_number_is_refused_and_keeps_the_value(client: Any) -> None:
    """A value that is no integer stays what it was."""
    await client.set("n", "text")
    with pytest.raises(CommandError, match="not an integer"):
        await client.incr("n")
    with pytest.raises(CommandError, match="not an integer"):
        await client.incr("n", ex=10)
    assert await client.get("n") == "text"


async def test_incr_beyond_64_bits_is_refused(client: Any) -> None:
    """An overflow is an error, never a wrapped number."""
    await client.set("n", 2**63 - 1)
    with pytest.raises(CommandError, match="overflow"):
        await client.incr("n")
    assert await client.get("n") == 2**63 - 1


async def test_expire_says_whether_there_was_a_key(client: Any) -> None:
    """expire() gives a key its lifetime, and is False for a missing key."""
    await client.set("k", 1)
    assert await client.expire("k", 100) is True
    assert 90 < await client.ttl("k") <= 100
    assert await client.expire("k", timedelta(seconds=10)) is True
    assert 5 < await client.ttl("k") <= 10
    assert await client.expire("missing", 100) is False


async def test_ttl_is_none_without_expiry_and_zero_without_key(client: Any) -> None:
    """None: it never expires. 0: there is nothing to expire. Else seconds, with fractions."""
    await client.set("forever", 1)
    assert await client.ttl("forever") is None
    assert await client.ttl("missing") == 0
    await client.set("k", 1, ex=99.5)
    left = await client.ttl("k")
    assert isinstance(left, float)
    assert 90 < left <= 99.5
