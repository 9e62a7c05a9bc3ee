"""Limits in one call, over the default client: `check_rate_limit` and its like."""

import hashlib
import ipaddress
from collections.abc import Awaitable
from functools import lru_cache
from typing import Any, overload

from valkey_redis.client import AsyncValkeyClient, ValkeyClient
from valkey_redis.commands import Lifetime
from valkey_redis.decision import Decision
from valkey_redis.default import get_client
from valkey_redis.errors import InvalidArgumentError
from valkey_redis.limit_outage import OnOutage
from valkey_redis.limits import Policy, SlidingCounter, SlidingLog
from valkey_redis.ratelimit import AsyncRateLimiter, RateLimiter

KEPT = 1_000  # limiters, by what they were made of
SITE = 64  # bits of an IPv6 address that one customer has


@overload
def check_rate_limit(
    key: str | int,
    limit: int,
    window: Lifetime,
    cost: int = 1,
    *,
    on_outage: OnOutage = "open",
    client: AsyncValkeyClient,
) -> Awaitable[Decision]: ...
@overload
def check_rate_limit(
    key: str | int,
    limit: int,
    window: Lifetime,
    cost: int = 1,
    *,
    on_outage: OnOutage = "open",
    client: ValkeyClient | None = None,
) -> Decision: ...
def check_rate_limit(
    key: str | int,
    limit: int,
    window: Lifetime,
    cost: int = 1,
    *,
    on_outage: OnOutage = "open",
    client: ValkeyClient | AsyncValkeyClient | None = None,
) -> Any:
    """Decide about a call of `key`, of which there may be `limit` in `window` seconds.

    By a SlidingCounter; see `RateLimiter.hit`. Awaited with an AsyncValkeyClient; without a
    client, by the process's default one.
    """
    policy = SlidingCounter(limit, window)
    return _limiter(client or get_client(), (policy,), None, on_outage).hit(key, cost)


@overload
def service_rate_limit(
    key: str | int,
    limit: int,
    window: Lifetime,
    cost: int = 1,
    *,
    on_outage: OnOutage = "open",
    client: AsyncValkeyClient,
) -> Awaitable[Decision]: ...
@overload
def service_rate_limit(
    key: str | int,
    limit: int,
    window: Lifetime,
    cost: int = 1,
    *,
    on_outage: OnOutage = "open",
    client: ValkeyClient | None = None,
) -> Decision: ...
def service_rate_limit(
    key: str | int,
    limit: int,
    window: Lifetime,
    cost: int = 1,
    *,
    on_outage: OnOutage = "open",
    client: ValkeyClient | AsyncValkeyClient | None = None,
) -> Any:
    """Decide about a call to the service `key`, to which all processes together send `limit`.

    By a SlidingLog: the service may count in windows of its own, and in none of them are there
    more. If refused, wait for `retry_after`. The rest as for `check_rate_limit`.
    """
    policy = SlidingLog(limit, window, name="service")
    return _limiter(client or get_client(), (policy,), None, on_outage).hit(key, cost)


@overload
def verify_and_limit(
    token: str | None,
    ip: str,
    endpoint: str,
    window: Lifetime = 60,
    limit: int = 60,
    *,
    ip_limit: int | None = None,
    on_outage: OnOutage = "open",
    client: AsyncValkeyClient,
) -> Awaitable[Decision]: ...
@overload
def verify_and_limit(
    token: str | None,
    ip: str,
    endpoint: str,
    window: Lifetime = 60,
    limit: int = 60,
    *,
    ip_limit: int | None = None,
    on_outage: OnOutage = "open",
    client: ValkeyClient | None = None,
) -> Decision: ...
def verify_and_limit(
    token: str | None,
    ip: str,
    endpoint: str,
    window: Lifetime = 60,
    limit: int = 60,
    *,
    ip_limit: int | None = None,
    on_outage: OnOutage = "open",
    client: ValkeyClient | AsyncValkeyClient | None = None,
) -> Any:
    """Decide about a call of an endpoint by its token and its address together: both, or neither.

    `limit` for each token and `ip_limit` (the same, if not given) for each address in `window`
    seconds, by SlidingCounters. Without a token the address alone counts. A token is kept as
    its hash; of an IPv6 address the first 64 bits count, as one customer has all the others.
    All limits of an endpoint are in one slot. It only limits: whether the token is good is for
    others to say. Raises InvalidArgumentError for what is no address. The rest as for
    `check_rate_limit`.
    """
    policies = (
        SlidingCounter(limit, window, name="token"),
        SlidingCounter(limit if ip_limit is None else ip_limit, window, name="address"),
    )
    subjects = {"address": address_subject(ip)}
    if token:
        subjects["token"] = hashlib.sha256(token.encode()).hexdigest()
    return _limiter(client or get_client(), policies, endpoint, on_outage).hit(subjects)


@lru_cache(maxsize=KEPT)
def _limiter(
    client: ValkeyClient | AsyncValkeyClient,
    policies: tuple[Policy, ...],
    slot: str | None,
    on_outage: OnOutage,
) -> RateLimiter | AsyncRateLimiter:
    if isinstance(client, AsyncValkeyClient):
        return AsyncRateLimiter(client, *policies, slot=slot, on_outage=on_outage)
    return RateLimiter(client, *policies, slot=slot, on_outage=on_outage)


def address_subject(ip: str) -> str:
    """Return what of an address is limited: of an IPv6 address the site; else raise InvalidArgumentError."""
    try:
        address = ipaddress.ip_address(str(ip))
    except ValueError:
        raise InvalidArgumentError(f"ip={ip!r:.60}: takes an IPv4 or IPv6 address") from None
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((int(address), SITE), strict=False))
    return str(address)
