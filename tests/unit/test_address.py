"""URLs become addresses."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from valkey_redis import ConfigurationError
from valkey_redis.address import Address, parse_url

GOOD = [
    ("valkey://h", Address(hosts=(("h", 6379),)), "valkey://h:6379"),
    ("  valkey://h:1/0 ", Address(hosts=(("h", 1),), db=0), "valkey://h:1"),
    ("redis://h:1/3", Address("redis", hosts=(("h", 1),), db=3), "redis://h:1/3"),
    ("VALKEYS://h", Address(tls=True, hosts=(("h", 6379),)), "valkeys://h:6379"),
    ("rediss://h", Address("redis", tls=True, hosts=(("h", 6379),)), "rediss://h:6379"),
    ("valkey://[::1]", Address(hosts=(("::1", 6379),)), "valkey://[::1]:6379"),
    ("valkey://[2001:db8::1]:7", Address(hosts=(("2001:db8::1", 7),)), "valkey://[2001:db8::1]:7"),
    (
        "valkey://ann:p%40%2F@h",
        Address(hosts=(("h", 6379),), username="ann", password="p@/"),
        "valkey://h:6379",
    ),
    ("valkey://:p:q@h", Address(hosts=(("h", 6379),), password="p:q"), "valkey://h:6379"),
    ("valkey://ann@h", Address(hosts=(("h", 6379),), username="ann"), "valkey://h:6379"),
    (
        "redis+cluster://a:1,[::1]:2,c",
        Address("redis", "cluster", hosts=(("a", 1), ("::1", 2), ("c", 6379))),
        "redis+cluster://a:1,[::1]:2,c:6379",
    ),
    (
        "valkeys+cluster://a/0",
        Address("valkey", "cluster", tls=True, hosts=(("a", 6379),), db=0),
        "valkeys+cluster://a:6379",
    ),
    (
        "valkey+sentinel://a,b:1/main",
        Address("valkey", "sentinel", hosts=(("a", 26379), ("b", 1)), service="main"),
        "valkey+sentinel://a:26379,b:1/main",
    ),
    (
        "redis+sentinel://a/my%20main/4",
        Address("redis", "sentinel", hosts=(("a", 26379),), db=4, service="my main"),
        "redis+sentinel://a:26379/my main/4",
    ),
]
BAD = [
    ("", "has no scheme"),
    ("h:6379", "has no scheme"),
    ("valkey:h", "has no scheme"),
    ("tcp://h", "has the scheme 'tcp://'"),
    ("valkey+magic://h", "has the scheme 'valkey+magic://'"),
    ("valkey://", "has no host"),
    ("valkey://:6379", "has no host"),
    ("valkey+cluster://a,,b", "has no host"),
    ("valkey://a,b", "names several hosts"),
    ("valkey://h:0", "has the port 0; takes 1 to 65535"),
    ("valkey://h:65536", "has the port 65536; takes 1 to 65535"),
    ("valkey://h:-1", "has a port that is not a number"),
    ("valkey://h:x", "has a port that is not a number"),
    ("valkey://h:", "has a port that is not a number"),
    ("valkey://h:٣", "has a port that is not a number"),
    ("valkey://::1", "has a host with a ':' in it"),
    ("valkey://[::1", "does not parse as a URL"),
    ("valkey://h/x", "has a path that is not a database number"),
    ("valkey://h/-1", "has a path that is not a database number"),
    ("valkey://h/1/2", "has a path that is not a database number"),
    ("valkey://h/٣", "has a path that is not a database number"),
    ("valkey://h?db=1", "has a '?' or '#' part"),
    ("valkey://h#1", "has a '?' or '#' part"),
    ("valkey+cluster://h/1", "names a database; a cluster has only database 0"),
    ("valkey+sentinel://h", "has no service"),
    ("valkey+sentinel://h/main/x", "has a path that is not a database number"),
]


@pytest.mark.parametrize(("url", "expected", "shown"), GOOD, ids=[row[0] for row in GOOD])
def test_a_url_is_read(url: str, expected: Address, shown: str) -> None:
    """Driver, topology, TLS, hosts, database, user, password and service are in the URL."""
    address = parse_url(url)
    assert expected == address
    assert shown == str(address)


@pytest.mark.parametrize(("url", "message"), BAD, ids=[row[0] or "empty" for row in BAD])
def test_a_wrong_url_is_said_in_one_line(url: str, message: str) -> None:
    """The message says what is wrong and what is taken."""
    with pytest.raises(ConfigurationError) as caught:
        parse_url(url)
    text = str(caught.value)
    assert message == text[: len(message)]
    assert len(text.splitlines()) == 1


@given(url=st.text(max_size=40) | st.text(max_size=30).map("valkey://".__add__))
def test_any_text_is_an_address_or_a_configuration_error(url: str) -> None:
    """No URL raises anything else."""
    with contextlib.suppress(ConfigurationError):
        assert isinstance(parse_url(url), Address)


def test_an_address_hides_the_password() -> None:
    """Neither its repr nor its text shows it."""
    address = parse_url("valkey://ann:hunter2@h")
    assert "hunter2" not in repr(address) + str(address)
