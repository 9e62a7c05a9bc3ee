"""Whose request it is: the client's address, behind proxies or not. Pure, no I/O."""

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from valkey_redis.errors import InvalidArgumentError
from valkey_redis.limit_calls import address_subject

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
UNKNOWN = "unknown"
MOST_HOPS = 20  # proxies in a row that are followed
LOOPBACK = ("127.0.0.0/8", "::1/128")
FORWARDING = frozenset({b"forwarded", b"via", b"x-forwarded-for", b"x-real-ip"})
_WITH_PORT = re.compile(r"\[(?P<v6>[0-9A-Fa-f:.]{2,45})\](:\d{1,5})?|(?P<v4>[0-9.]{7,15}):\d{1,5}")


def networks(given: Iterable[str]) -> tuple[Network, ...]:
    """Return the networks of texts such as "10.0.0.0/8" and "::1"; InvalidArgumentError for others."""
    if isinstance(given, str):
        raise InvalidArgumentError(f"networks={given!r:.60}: takes a list of texts")
    found = []
    for text in given:
        try:
            found.append(ipaddress.ip_network(text))
        except ValueError:
            raise InvalidArgumentError(
                f"network {text!r:.60}: takes one such as '10.0.0.0/8' or '::1'"
            ) from None
    return tuple(found)


def client_address(scope: Mapping[str, Any], trusted: Sequence[Network] = ()) -> str:
    """Return the client's address: the connection's, or what trusted proxies say of it.

    X-Forwarded-For is read from its end, one entry for each proxy that is trusted, since what
    stands before is the client's own writing. At an entry that is no address it stops: the proxy
    that passed it on is the client then. `Forwarded` (RFC 7239) and X-Real-IP are never read: a
    proxy that does not write them passes on what the client wrote. "unknown" for a connection
    without an address (a Unix socket): all of those are one client. The server before this, say
    uvicorn, must not have read the header already: `--no-proxy-headers`.
    """
    peer = scope.get("client")
    address = _parse(str(peer[0])) if peer else None
    if address is None:
        return UNKNOWN
    if _is_in(address, trusted):
        lines = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
        entries = b",".join(lines).decode("latin-1").rsplit(",", MOST_HOPS)
        for entry in reversed(entries):  # the first may be the whole rest, which is no address
            before = _parse(_without_port(entry.strip()))
            if before is None:
                break
            address = before
            if not _is_in(address, trusted):
                break
    return str(address)


def subject_of(address: str) -> str:
    """Return whom to limit for an address: of an IPv6 address its site, the first 64 bits."""
    return address if address == UNKNOWN else address_subject(address)


def is_direct(scope: Mapping[str, Any], allowed: Sequence[Network]) -> bool:
    """Return whether the connection itself comes from one of the networks, with no proxy before it.

    Behind a proxy on this host, everybody connects from 127.0.0.1. One that adds none of the usual
    headers, as nginx does unless told otherwise, is not seen: allow no networks then.
    """
    if any(name in FORWARDING for name, _ in scope["headers"]):
        return False
    return _is_in(_parse(client_address(scope)), allowed)


def _is_in(address: Address | None, allowed: Sequence[Network]) -> bool:
    return address is not None and any(address in network for network in allowed)


def _parse(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        # What follows a '%' is free text.
        return None if address.scope_id else address.ipv4_mapped or address
    return address


def _without_port(entry: str) -> str:
    match = _WITH_PORT.fullmatch(entry)
    return entry if match is None else match["v6"] or match["v4"]
