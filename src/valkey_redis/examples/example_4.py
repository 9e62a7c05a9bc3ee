"""Example 4: rate limits, at the edge of a window, for several subjects, and without a server."""

import logging
import time

from valkey_redis import (
    GCRA,
    FixedWindow,
    RateLimiter,
    SlidingCounter,
    SlidingLog,
    TokenBucket,
    ValkeyClient,
    ValkeyConfig,
    service_rate_limit,
    verify_and_limit,
)
from valkey_redis.examples._demo import demo_client
from valkey_redis.limit_outage import OnOutage


def five_algorithms(client: ValkeyClient) -> None:
    """Ask thirty times at the end of a window, and thirty times when the next begins."""
    for kind in (FixedWindow, SlidingCounter, SlidingLog, TokenBucket, GCRA):
        limiter = RateLimiter(client, kind(10, per=0.4), namespace="example4")
        seconds, microseconds = client.raw.execute_command("TIME")  # the server's clock counts
        into = (int(seconds) * 1_000_000 + int(microseconds)) % 400_000
        time.sleep((680_000 - into) % 400_000 / 1e6)
        before = sum(limiter.hit("edge").allowed for _ in range(30))
        time.sleep(0.14)
        after = sum(limiter.hit("edge").allowed for _ in range(30))
        print(f"{kind.__name__:>15}: {before:>2} before the edge of a window, {after:>2} after it")


def what_the_client_is_told(client: ValkeyClient) -> None:
    """Send these headers with each response, and 429 with a refusal."""
    limits = SlidingCounter(2, per=3600, name="burst"), SlidingLog(50, per=86_400, name="daily")
    limiter = RateLimiter(client, *limits, namespace="example4")
    answers = [limiter.hit("ada") for _ in range(3)]
    print(f"\nadmitted: {[answer.allowed for answer in answers]}; the second's headers:")
    for name, value in answers[1].headers().items():
        print(f"  {name}: {value}")
    left = {quota.policy.name: quota.remaining for quota in answers[2].quotas}
    print(f"refused by {answers[2].policy.name!r}, and counted by neither: {left} left")


def in_one_call(client: ValkeyClient) -> None:
    """Limit a login by token and address together; and what all send to another service."""
    answers = [
        verify_and_limit(f"token {i}", "192.0.2.1", "example4", limit=2, ip_limit=3, client=client)
        for i in range(4)
    ]
    print(f"\nfour tokens from one address: {[bool(answer) for answer in answers]}")
    calls = [service_rate_limit("example4:maps", 3, 60, client=client) for _ in range(4)]
    wait = calls[-1].retry_after
    print(f"a service that takes 3 a minute: {[bool(call) for call in calls]}, wait {wait:.0f} s")


def without_a_server() -> None:
    """Open, closed, or limited in this process alone: choose before it happens."""
    logging.getLogger("valkey_redis").setLevel(logging.ERROR)  # it would warn of this
    ways: tuple[OnOutage, ...] = ("open", "closed", "local")
    print()
    with ValkeyClient(ValkeyConfig(url="valkey://127.0.0.1:1", retry_attempts=0)) as nobody:
        for way in ways:
            limiter = RateLimiter(nobody, GCRA(2, per=60), on_outage=way)
            print(f"{way:>6}: {[limiter.hit('ada').allowed for _ in range(4)]}")


if __name__ == "__main__":
    with demo_client() as client:
        five_algorithms(client)
        what_the_client_is_told(client)
        in_one_call(client)
        without_a_server()
        client.delete(*client.scan("*example4*"))
