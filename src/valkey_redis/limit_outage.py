"""What a limiter decides while the server does not answer. No I/O here."""

from typing import Literal

from valkey_redis.breakers import PAUSE
from valkey_redis.decision import Decision
from valkey_redis.errors import InvalidArgumentError
from valkey_redis.limits import Policy

OnOutage = Literal["open", "closed", "local"]
WAYS = ("open", "closed", "local")


def check_way(on_outage: str) -> None:
    """Raise InvalidArgumentError for what is none of the ways."""
    if on_outage not in WAYS:
        raise InvalidArgumentError(
            f"on_outage={on_outage!r:.40}: takes 'open', 'closed' or 'local'"
        )


def blind(policy: Policy, *, allowed: bool) -> Decision:
    """Return what is decided without knowing anything."""
    if allowed:
        return Decision(allowed, policy, policy.most, 0.0, 0.0, is_degraded=True)
    return Decision(allowed, policy, 0, PAUSE, PAUSE, is_degraded=True)
