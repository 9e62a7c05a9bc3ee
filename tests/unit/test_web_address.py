"""Whose request it is, and whether another site's page sent it: no server needed."""

from typing import Any

import pytest

from valkey_redis.errors import InvalidArgumentError
from valkey_redis.web_address import client_address, is_direct, networks, subject_of
from valkey_redis.web_origin import is_foreign

PROXIES = networks(["10.0.0.0/8", "fd00::/8"])
PEER = "203.0.113.9"


def scope(peer: str | None, *lines: str, **others: str) -> dict[str, Any]:
    """Return the scope of a request from that address, with these X-Forwarded-For lines."""
    headers = [(b"x-forwarded-for", line.encode("latin-1")) for line in lines]
    headers += [(name.replace("_", "-").encode(), value.encode()) for name, value in others.items()]
    client = None if peer is None else (peer, 4711)
    return {"type": "http", "method": "POST", "client": client, "headers": headers}


@pytest.mark.parametrize(
    ("peer", "lines", "expected"),
    [
        (PEER, [], PEER),
        (PEER, ["198.51.100.1"], PEER),  # not from a proxy: the client's own writing
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["1.2.3.4, 198.51.100.1"], "198.51.100.1"),  # the first was forged
        ("10.0.0.1", ["1.2.3.4", "198.51.100.1"], "198.51.100.1"),  # in two lines, too
        ("10.0.0.1", ["198.51.100.1, 10.0.0.2, 10.0.0.3"], "198.51.100.1"),
        ("10.0.0.1", ["1.2.3.4, 198.51.100.1, 10.0.0.3"], "198.51.100.1"),
        ("10.0.0.1", ["10.0.0.2, 10.0.0.3"], "10.0.0.2"),
        ("10.0.0.1", ["198.51.100.1, nonsense"], "10.0.0.1"),  # stops at what is no address
        ("10.0.0.1", ["198.51.100.1, nonsense, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", ["198.51.100.1,"], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["\xff\x00"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1:4711"], "198.51.100.1"),
        ("10.0.0.1", ["[2001:db8::1]:4711"], "2001:db8::1"),
        ("10.0.0.1", ["[2001:db8::1]"], "2001:db8::1"),
        ("10.0.0.1", ["2001:DB8:0::1"], "2001:db8::1"),  # one client, however it is written
        ("10.0.0.1", ["::ffff:198.51.100.1"], "198.51.100.1"),
        ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("fd00::1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["fe80::1%anything\r\nat all"], "10.0.0.1"),
        ("10.0.0.1", ["0x7f.1"], "10.0.0.1"),
        ("10.0.0.1", ["unknown"], "10.0.0.1"),
        ("10.0.0.1", ["1.2.3.4" + ", 10.0.0.2" * 5000], "10.0.0.2"),  # followed so far, no farther
        ("10.0.0.1", ["9" * 60_000], "10.0.0.1"),
        (None, ["198.51.100.1"], "unknown"),
        ("testclient", ["198.51.100.1"], "unknown"),
    ],
)
def test_the_address_is_what_trusted_proxies_say(
    peer: str | None, lines: list[str], expected: str
) -> None:
    """From the end, through all that are trusted, and never on the client's word."""
    assert client_address(scope(peer, *lines), PROXIES) == expected


def test_nobody_is_trusted_who_was_not_named() -> None:
    """Not even this host."""
    assert client_address(scope("127.0.0.1", "198.51.100.1")) == "127.0.0.1"


def test_other_headers_are_never_read() -> None:
    """A proxy that writes X-Forwarded-For passes on what a client wrote into the others."""
    others = {"forwarded": "for=198.51.100.1", "x_real_ip": "198.51.100.1"}
    assert client_address(scope("10.0.0.1", **others), PROXIES) == "10.0.0.1"


@pytest.mark.parametrize(
    ("address", "subject"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("unknown", "unknown"),
    ],
)
def test_a_site_is_limited_as_one(address: str, subject: str) -> None:
    """Whoever has one IPv6 address has 2^64 of them."""
    assert subject_of(address) == subject


@pytest.mark.parametrize("given", ["10.0.0.0/8", ["10.0.0.1/8"], ["proxy"], [""]])
def test_wrong_networks_get_one_line(given: Any) -> None:
    """What was given, and what is taken."""
    with pytest.raises(InvalidArgumentError, match=r"^network.*: takes "):
        networks(given)


@pytest.mark.parametrize(
    ("peer", "headers", "expected"),
    [
        ("127.0.0.1", {}, True),
        ("::1", {}, True),
        (PEER, {}, False),
        (None, {}, False),
        ("127.0.0.1", {"x_forwarded_for": "127.0.0.1"}, False),
        ("127.0.0.1", {"forwarded": "for=127.0.0.1"}, False),
        ("127.0.0.1", {"x_real_ip": "127.0.0.1"}, False),
        ("127.0.0.1", {"via": "1.1 proxy"}, False),
    ],
)
def test_operators_come_without_a_proxy(
    peer: str | None, headers: dict[str, str], *, expected: bool
) -> None:
    """Behind a proxy on this host everybody connects from 127.0.0.1."""
    local = networks(["127.0.0.0/8", "::1"])
    assert is_direct(scope(peer, **headers), local) is expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, False),  # no browser
        ({"sec_fetch_site": "same-origin", "origin": "https://shop.example"}, False),
        ({"sec_fetch_site": "none"}, False),
        ({"sec_fetch_site": "same-site", "origin": "https://blog.shop.example"}, True),
        ({"sec_fetch_site": "cross-site", "origin": "https://evil.example"}, True),
        ({"sec_fetch_site": "cross-site", "origin": "https://app.example"}, False),  # allowed
        ({"sec_fetch_site": "nonsense"}, True),
        ({"origin": "https://shop.example"}, False),
        ({"origin": "HTTPS://SHOP.example"}, False),
        ({"origin": "http://shop.example"}, False),  # the scheme is not known behind a proxy
        ({"origin": "https://shop.example:8443"}, True),
        ({"origin": "https://shop.example.evil.example"}, True),
        ({"origin": "https://evil.example"}, True),
        ({"origin": "https://app.example"}, False),  # allowed
        ({"origin": "null"}, True),  # a sandboxed frame's
        ({"origin": "https://[shop.example"}, True),
    ],
)
def test_another_sites_page_is_refused(headers: dict[str, str], *, expected: bool) -> None:
    """By what browsers say, which no page can forge."""
    given = scope(PEER, host="shop.example", **headers)
    assert is_foreign(given, {"https://app.example"}) is expected
    for method in ("GET", "HEAD", "OPTIONS", "TRACE"):
        assert is_foreign({**given, "method": method}) is False
    assert is_foreign({**given, "type": "websocket"}, {"https://app.example"}) is expected


def test_who_says_nothing_of_its_host_is_not_the_same() -> None:
    """An origin without a host ("null"), and a request without one (HTTP/1.0), are not alike."""
    assert is_foreign(scope(PEER, origin="null")) is True
