"""What a stored entry is worth, and on what terms a value is cached."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from valkey_redis import InvalidArgumentError
from valkey_redis.codec import JSON
from valkey_redis.entry import HEAD, NOTHING, Found, Terms, carries, fresh_payload, parcel, read

EPOCH = b"0123456789abcdef"
NOW = 1_700_000_000_000  # milliseconds
DICE = st.floats(0, 1, exclude_max=True)


def terms(**changes: float) -> Terms:
    """Return terms of a minute, changed."""
    plain = {"ttl": 60_000, "negative_ttl": 60_000, "stale_ttl": 0, "jitter": 0.0, "beta": 1.0}
    return Terms(**plain | changes, codec=JSON)  # type: ignore[arg-type] # numbers all


def stored(
    kind: bytes = b"v", until: int = NOW + 1000, tags: bytes = b"", body: bytes = b"7"
) -> bytes:
    """Return an entry as `fill.lua` writes it."""
    head = b"vc1%b;%013d;0000002500;----------------;0000000000000;%b;%05d;"
    return head % (kind, until, EPOCH, len(tags)) + tags + body


def test_the_header_s_length_is_what_it_says() -> None:
    """The value begins where a client that knows the format looks for it."""
    assert stored()[HEAD:] == b"7"


def test_a_fresh_value_is_found_with_its_cost_and_tags() -> None:
    """The times in milliseconds; what lies there is kept as the head, to ask for a lease with."""
    data = stored(tags=b'{"t":"v1"}')
    assert read(JSON, data, EPOCH, NOW) == Found(data[:HEAD], 7, 1000, 2.5, {"t": "v1"})


def test_none_is_a_value_without_bytes() -> None:
    """A stored None is fresh, and another thing than nothing."""
    data = stored(b"n", body=b"")
    assert read(JSON, data, EPOCH, NOW) == Found(data, None, 1000, 2.5, None)
    assert read(JSON, None, EPOCH, NOW) == NOTHING
    assert NOTHING.fresh_for == -math.inf


@pytest.mark.parametrize("epoch", [None, b"fedcba9876543210"])
@pytest.mark.parametrize("kind", [b"v", b"n"])
def test_another_epoch_s_value_is_none(kind: bytes, epoch: bytes | None) -> None:
    """It was flushed, or nobody knows: only its head counts."""
    data = stored(kind)
    assert read(JSON, data, epoch, NOW) == Found(data[:HEAD])


def test_a_lease_is_no_value() -> None:
    """Somebody loads it; it is not corrupt either."""
    data = stored(b"l", body=b"")
    assert read(JSON, data, EPOCH, NOW) == Found(data)


def test_a_stale_value_says_since_when() -> None:
    """Below 0 in milliseconds."""
    assert read(JSON, stored(until=NOW - 5), EPOCH, NOW).fresh_for == -5


@given(
    kind=st.sampled_from([b"v", b"n", b"l"]),
    age=st.integers(-3, 3),
    epoch=st.sampled_from([EPOCH, b"fedcba9876543210", None]),
    tags=st.sampled_from([b"", b'{"t":"v1"}']),
)
def test_the_quick_way_finds_what_the_other_does(
    kind: bytes, age: int, epoch: bytes | None, tags: bytes
) -> None:
    """Only fresh untagged values, and each of them with the same bytes."""
    data = stored(kind, NOW + age, tags, b"" if kind != b"v" else b"7")
    found = read(JSON, data, epoch, NOW)
    payload = fresh_payload(data, epoch, b"%013d" % NOW)
    is_plain = found.fresh_for > 0 and not found.tags and kind == b"v"
    assert payload == (b"7" if is_plain else None)


@given(ttl=st.integers(1, 10**9), jitter=st.floats(0, 0.9), stale=st.integers(0, 10**9), dice=DICE)
def test_a_lifetime_is_within_the_jitter(ttl: int, jitter: float, stale: int, dice: float) -> None:
    """Never 0, never longer than asked for, never shorter than the fraction; then the stale time."""
    fresh, kept = terms(ttl=ttl, jitter=jitter, stale_ttl=stale).of("value", dice)
    assert 1 <= fresh <= ttl
    assert fresh >= math.floor(ttl * (1 - jitter))
    assert kept == fresh + stale


def test_none_has_its_own_lifetime() -> None:
    """And the others have theirs."""
    given_terms = terms(ttl=1000, negative_ttl=10)
    assert given_terms.of(None, 0) == (10, 10)
    for value in (0, "", False):
        assert given_terms.of(value, 0) == (1000, 1000)


@given(cost=st.floats(0, 1e6), beta=st.floats(0, 100), fresh_for=st.floats(0.001, 1e7), dice=DICE)
def test_early_refresh_is_the_paper_s(
    cost: float, beta: float, fresh_for: float, dice: float
) -> None:
    """Due if now - cost * beta * log(random) >= expiry, random in (0, 1] (Vattani et al., fig. 3)."""
    now, expiry = 0.0, fresh_for
    expected = now - cost * beta * math.log(1 - dice) >= expiry
    found = Found(fresh_for=fresh_for, cost=cost)
    assert terms(beta=beta).is_due(found, dice) == expected
    if expected:
        assert terms(beta=beta).may_be_due(found)


@given(cost=st.floats(1, 1e6), beta=st.floats(0.1, 100))
def test_the_likeliest_dice_may_be_due(cost: float, beta: float) -> None:
    """What `may_be_due` rules out, the largest random number does not make due."""
    dice = 1 - 2**-53
    furthest = cost * beta * -math.log(1 - dice)
    found = Found(fresh_for=furthest, cost=cost)
    assert terms(beta=beta).is_due(found, dice) is True
    assert terms(beta=beta).may_be_due(found) is True
    assert terms(beta=beta).may_be_due(found._replace(fresh_for=2 * furthest)) is False


def test_early_refresh_is_likelier_for_the_dear_and_near_the_end() -> None:
    """By the same dice a dearer load, a nearer end and a higher beta are due first."""
    found = Found(fresh_for=100, cost=50)
    assert terms().is_due(found, 0.5) is False
    assert terms().is_due(found._replace(cost=500), 0.5) is True
    assert terms().is_due(found._replace(fresh_for=10), 0.5) is True
    assert terms(beta=10).is_due(found, 0.5) is True
    assert terms(beta=0).is_due(found._replace(fresh_for=0.01), 1 - 2**-53) is False


@pytest.mark.parametrize(
    ("wanted", "versions", "expected"),
    [
        ([], {"t": b"1", "u": b"2"}, True),
        (["t"], {"t": b"1", "u": b"2"}, True),
        (["t", "v"], {"t": b"1", "u": b"2", "v": b"3"}, False),
        ([], {"t": b"1", "u": b"3"}, False),
        ([], {"t": b"1", "u": None}, False),
        ([], {"t": b"1"}, False),
    ],
)
def test_tags_must_be_carried_and_valid(
    wanted: list[str], versions: dict[str, bytes | None], expected: object
) -> None:
    """An entry needs every tag that is relied on, and each of its own still in its version."""
    assert carries(Found(tags={"t": "1", "u": "2"}), wanted, versions) is expected


def test_a_version_that_was_gone_is_never_valid() -> None:
    """A tag invalidated while its version was read has none: nothing equals that."""
    assert carries(Found(tags={"t": ""}), [], {"t": None}) is False


def test_a_parcel_is_of_fixed_width() -> None:
    """So that the script can cut it: kind, fresh, kept, cost, tags' length, tags, value."""
    made = parcel({"a": 1}, terms(ttl=1000, stale_ttl=500), 0, 2500, b'{"t":"1"}')
    assert made == b'v%015d%015d%010d%05d;{"t":"1"}{"a":1}' % (1000, 1500, 2500, 9)
    assert parcel(None, terms(), 0, 10**12, b"") == b"n%015d%015d9999999999%05d;" % (
        60_000,
        60_000,
        0,
    )


def test_too_many_tags_are_refused() -> None:
    """Their length has five digits."""
    with pytest.raises(InvalidArgumentError, match="100000 bytes of tags: takes at most 99999"):
        parcel(1, terms(), 0, 0, b"x" * 100_000)
