"""Limiters with one way to call them, whichever their face."""

import inspect
from collections.abc import Callable
from typing import Any

from tests.support.faces import AwaitableClient

from valkey_redis import (
    GCRA,
    AsyncRateLimiter,
    FixedWindow,
    RateLimiter,
    SlidingCounter,
    SlidingLog,
    TokenBucket,
)
from valkey_redis.limits import Policy

HOUR, DAY = 3600, 86_400
# None of them has anything back within a test's time.
FIVE: dict[str, Policy] = {
    "fixed": FixedWindow(5, per=30 * DAY),
    "log": SlidingLog(5, per=HOUR),
    "counter": SlidingCounter(5, per=30 * DAY),
    "bucket": TokenBucket(24, per=10 * DAY, burst=5),
    "gcra": GCRA(24, per=10 * DAY, burst=5),
}


class AwaitedLimiter:
    """A limiter whose methods are awaited."""

    def __init__(self, own: RateLimiter | AsyncRateLimiter) -> None:
        self.own = own

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.own, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            made = method(*args, **kwargs)
            return await made if inspect.isawaitable(made) else made

        return call


def limiter_of(client: Any, *policies: Policy, **settings: Any) -> AwaitedLimiter:
    """Return a limiter of a client whose methods are awaited."""
    if isinstance(client, AwaitableClient):
        return AwaitedLimiter(RateLimiter(client.sync, *policies, **settings))
    return AwaitedLimiter(AsyncRateLimiter(client, *policies, **settings))
