"""What a limiter decided, and the headers that tell a client. Pure, no I/O."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from valkey_redis.limits import Policy


class Quota(NamedTuple):
    """How one limit stands; seconds."""

    policy: Policy
    remaining: int
    retry_after: float
    reset_after: float


class Decision(NamedTuple):
    """Whether a call is admitted; as a condition, it is true if it is.

    Of several limits `policy` is the one that decided: the last to admit the call again, or
    the one with the least left. `remaining` is what it has left, `retry_after` the seconds
    until the same call would be admitted (0 if it was), `reset_after` those until the limit
    is as if it had never been used. `is_degraded` says that it was made without the server.
    """

    allowed: bool
    policy: Policy
    remaining: int
    retry_after: float
    reset_after: float
    is_degraded: bool = False
    all_quotas: tuple[Quota, ...] = ()  # empty for a single one

    def __bool__(self) -> bool:
        return self.allowed

    @property
    def quotas(self) -> tuple[Quota, ...]:
        """Return how each limit of the call stands."""
        own = Quota(self.policy, self.remaining, self.retry_after, self.reset_after)
        return self.all_quotas or (own,)

    @property
    def limit(self) -> int:
        """Return the limit of the policy that decided."""
        return self.policy.limit

    def headers(self) -> dict[str, str]:
        """Return the response's headers: RateLimit-Policy, RateLimit, and Retry-After if refused.

        Whole seconds, rounded up: a client that waits so long is admitted. A degraded decision
        has no RateLimit, as nobody knows what is left. (draft-ietf-httpapi-ratelimit-headers-11,
        May 2026; RFC 9110, 10.2.3)
        """
        quotas = self.quotas
        headers = {"RateLimit-Policy": ", ".join(_policy(quota.policy) for quota in quotas)}
        if not self.is_degraded:
            headers["RateLimit"] = ", ".join(
                f'"{quota.policy.name}";r={quota.remaining};t={math.ceil(quota.reset_after)}'
                for quota in quotas
            )
        if not self.allowed:
            headers["Retry-After"] = str(math.ceil(self.retry_after))
        return headers


def _policy(policy: Policy) -> str:
    # The window is optional, and whole seconds only.
    window = f";w={policy.per}" if isinstance(policy.per, int) else ""
    return f'"{policy.name}";q={policy.limit}{window}'


def decide(
    policies: Sequence[Policy], states: Sequence[int], *, is_degraded: bool = False
) -> Decision:
    """Return the decision; `states` are remaining, retry and reset (microseconds) of each policy."""
    if len(policies) == 1:
        remaining, retry, reset = states
        return Decision(not retry, policies[0], remaining, retry / 1e6, reset / 1e6, is_degraded)
    quotas = tuple(
        Quota(policy, states[i], states[i + 1] / 1e6, states[i + 2] / 1e6)
        for i, policy in zip(range(0, len(states), 3), policies, strict=True)
    )
    tightest = min(quotas, key=lambda quota: (-quota.retry_after, quota.remaining))
    return Decision(not tightest.retry_after, *tightest, is_degraded, quotas)
