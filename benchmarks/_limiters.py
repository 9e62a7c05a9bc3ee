"""The contenders: a bare EVALSHA of both drivers, this package's limiters, and its peers.

Each decides about one subject, and gives what headers need: who admitted, what remains, when
it resets. Limits are so high that all is admitted, which is the longer way.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any, ClassVar

from valkey_redis import (
    GCRA,
    AsyncRateLimiter,
    AsyncValkeyClient,
    FixedWindow,
    RateLimiter,
    SlidingCounter,
    SlidingLog,
    TokenBucket,
    ValkeyClient,
    ValkeyConfig,
)
from valkey_redis.limits import Policy

HOST = "127.0.0.1"
MANY = 1_000_000
POLICIES: dict[str, Policy] = {
    "fixed window": FixedWindow(MANY, per=60),
    "GCRA": GCRA(MANY, per=60),
    "token bucket": TokenBucket(MANY, per=60),
    "sliding counter": SlidingCounter(MANY, per=60),
    "sliding log": SlidingLog(100_000, per=1),
}
Call = Callable[[], Any]


def is_admitted(answer: Any) -> bool:
    """Return whether a contender's answer says that the call may go on."""
    if isinstance(answer, tuple) and not hasattr(answer, "allowed"):
        answer = answer[0]
    if hasattr(answer, "limited"):
        return not answer.limited
    return bool(answer)


class Bare:
    """A driver's EVALSHA of "return 1" with one key, which is no limiter: the yardstick."""

    def __init__(self, driver: str, port: int, *, is_async: bool) -> None:
        module = import_module(f"{driver}.asyncio" if is_async else driver)
        self._client: Any = getattr(module, driver.capitalize())(host=HOST, port=port)

    def call(self, _: str) -> Call:
        """Return the call."""
        sha = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"
        return lambda: self._client.evalsha(sha, 1, "subject")

    def close(self) -> Any:
        """Close the connections."""
        return getattr(self._client, "aclose", self._client.close)()


class Ours:
    """This package."""

    def __init__(self, port: int, *, is_async: bool) -> None:
        config = ValkeyConfig(url=f"valkey://{HOST}:{port}", username=None, password=None)
        self._client: Any = AsyncValkeyClient(config) if is_async else ValkeyClient(config)
        self._kind: Any = AsyncRateLimiter if is_async else RateLimiter

    def call(self, work: str) -> Call:
        """Return the call."""
        hit = self._kind(self._client, POLICIES[work]).hit
        return lambda: hit("subject")

    def close(self) -> Any:
        """Close the connections."""
        return self._client.close()


class Limits:
    """limits over valkey-py: what remains and when it resets is a second call."""

    NAMES: ClassVar = {
        "fixed window": "FixedWindowRateLimiter",
        "sliding log": "MovingWindowRateLimiter",
        "sliding counter": "SlidingWindowCounterRateLimiter",
    }

    def __init__(self, port: int, *, is_async: bool) -> None:
        scheme = "async+valkey" if is_async else "valkey"
        storages: Any = import_module("limits.storage")
        more = {"implementation": "valkey"} if is_async else {}
        self._storage = storages.storage_from_string(f"{scheme}://{HOST}:{port}", **more)
        self._module: Any = import_module("limits.aio" if is_async else "limits")
        self._items: Any = import_module("limits")
        self._is_async = is_async

    def call(self, work: str) -> Call | None:
        """Return the call, None if it has no such algorithm."""
        if work not in self.NAMES:
            return None
        limiter = getattr(self._module.strategies, self.NAMES[work])(self._storage)
        item = self._items.RateLimitItemPerSecond(
            POLICIES[work].limit, POLICIES[work].microseconds // 10**6
        )

        def call() -> Any:
            return limiter.hit(item, "subject"), limiter.get_window_stats(item, "subject")

        async def acall() -> Any:
            admitted = await limiter.hit(item, "subject")
            return admitted, await limiter.get_window_stats(item, "subject")

        return acall if self._is_async else call

    def close(self) -> Any:
        """Leave the connections to the process's end: it has no way to close them."""


class Throttled:
    """throttled-py over redis-py."""

    NAMES: ClassVar = {
        "fixed window": "fixed_window",
        "sliding counter": "sliding_window",
        "token bucket": "token_bucket",
        "GCRA": "gcra",
    }

    def __init__(self, port: int, *, is_async: bool) -> None:
        self._module: Any = import_module("throttled.asyncio" if is_async else "throttled")
        self._store = self._module.RedisStore(server=f"redis://{HOST}:{port}/1")

    def call(self, work: str) -> Call | None:
        """Return the call, None if it has no such algorithm."""
        if work not in self.NAMES:
            return None
        quota = self._module.rate_limiter.per_min(MANY)
        made = self._module.Throttled(
            key="subject", using=self.NAMES[work], quota=quota, store=self._store
        )
        limit: Call = made.limit
        return limit

    def close(self) -> Any:
        """Leave the connections to the process's end: it has no way to close them."""


@dataclass(frozen=True, slots=True)
class Contender:
    """How to make it, and the packages that it takes."""

    make: Callable[..., Any]
    packages: tuple[str, ...] = ()

    @property
    def is_installed(self) -> bool:
        """Whether it can take part."""
        return all(find_spec(name) is not None for name in self.packages)


BASE = "EVALSHA, valkey-py"
CONTENDERS = {
    BASE: Contender(lambda port, is_async: Bare("valkey", port, is_async=is_async)),
    "EVALSHA, redis-py": Contender(lambda port, is_async: Bare("redis", port, is_async=is_async)),
    "valkey_redis": Contender(lambda port, is_async: Ours(port, is_async=is_async)),
    "limits": Contender(lambda port, is_async: Limits(port, is_async=is_async), ("limits",)),
    "throttled-py": Contender(
        lambda port, is_async: Throttled(port, is_async=is_async), ("throttled",)
    ),
}
