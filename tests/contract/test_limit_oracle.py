"""Every limit against its definition, in a time that the test moves: each field of each decision."""

from collections.abc import Iterator

import fakeredis
import pytest
import time_machine
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.limit_oracle import Oracle, most_within

from valkey_redis import (
    GCRA,
    Decision,
    FixedWindow,
    InvalidArgumentError,
    RateLimiter,
    SlidingCounter,
    SlidingLog,
    TokenBucket,
    ValkeyClient,
)
from valkey_redis.limit_local import LocalLimits
from valkey_redis.limits import Policy

START = 1_700_000_000.0
KINDS = (FixedWindow, SlidingLog, SlidingCounter, TokenBucket, GCRA)
PERS = (0.001, 0.0125, 1 / 3, 1, 7.000001, 60, 3600, 86_400)
Step = tuple[float, float]  # how long after the last one, in `per`; its cost, of the most


@st.composite
def policies(draw: st.DrawFn, kinds: tuple[type[Policy], ...] = KINDS) -> Policy:
    """Draw a limit: from one a day to 100,000 a second, bursts from 1 to 10,000."""
    kind, per = draw(st.sampled_from(kinds)), draw(st.sampled_from(PERS))
    small = st.integers(1, 12)
    limit = draw(
        small | st.sampled_from([97, 1000, 99_991, 100_000]).filter(lambda n: n < 1e5 * per + 2)
    )
    if kind is SlidingLog:
        limit = min(limit, 1000)  # fakeredis is slow with so many members
    burst = {}
    if issubclass(kind, (TokenBucket, GCRA)):
        burst = {"burst": draw(st.none() | small | st.sampled_from([100, 9973, 10_000]))}
    try:
        policy = kind(limit, per, **burst)
    except InvalidArgumentError:  # a burst that takes centuries
        policy = kind(limit, per)
    assert policy.terms.tick == 1
    return policy


STEPS = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 1e-9, 0.01, 0.1, 0.3, 0.5, 0.99, 1, 1.01, 1.7, 3])
        | st.floats(0, 1, allow_subnormal=False),
        st.sampled_from([0, 0, 0, 0.2, 0.5, 0.9, 1]),
    ),
    min_size=1,
    max_size=14,
)


def cost_of(policy: Policy, share: float) -> int:
    """Return a cost that the limit takes."""
    return max(1, round(policy.most * share))


def check(decision: Decision, oracle: Oracle, now: int, cost: int, *, counts: bool = True) -> None:
    """Assert that the decision is the definition's, to the microsecond."""
    said = oracle.hit(now, cost) if counts else oracle.look(now, cost)
    assert said == (
        decision.allowed,
        decision.remaining,
        round(decision.retry_after * 1e6),
        round(decision.reset_after * 1e6),
    )
    assert decision.retry_after <= decision.reset_after


class Server:
    """fakeredis at a moment that only `wait` moves; its microseconds are what the scripts see."""

    def __init__(self, traveller: time_machine.Traveller) -> None:
        self._traveller = traveller
        self.raw = fakeredis.FakeValkey(protocol=2)
        self.client = ValkeyClient(raw=self.raw)

    def begin(self) -> None:
        """Be empty, at the beginning."""
        self._traveller.move_to(START)
        self.raw.flushall()

    def wait(self, microseconds: float) -> int:
        """Let time pass; return the server's time."""
        self._traveller.shift(microseconds / 1e6)
        seconds, rest = self.raw.time()
        return int(seconds) * 10**6 + int(rest)

    def check_expiries(self, longest: float) -> None:
        """Assert that every key expires, not at once, and not later than it must."""
        for key in self.raw.scan_iter():
            assert 0 < self.raw.pttl(key) <= longest * 1000 + 3


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Return a server whose clock stands still."""
    with time_machine.travel(START, tick=False) as traveller:
        yield Server(traveller)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(policy=policies(), steps=STEPS)
@example(policy=GCRA(100_000, 1, 10_000), steps=[(0, 1), (1e-5, 0), (2e-5, 0), (0.1, 1)])
@example(policy=TokenBucket(1, 86_400, 10_000), steps=[(0, 1), (1, 0), (0.5, 0), (0.5, 0)])
@example(policy=TokenBucket(5, 0.001), steps=[(0, 1), (1.7, 1), (0, 1)])
@example(policy=FixedWindow(10, 10), steps=[(0.99, 1), (0.01, 1)])
@example(policy=SlidingLog(10, 10), steps=[(0, 0.5), (0.5, 0.5), (0.5, 1), (0, 0.5), (0.5, 0.5)])
@example(policy=SlidingCounter(10, 10), steps=[(0.9, 1), (0.6, 0), (0, 1), (0.4, 0), (1, 1)])
def test_a_decision_is_the_definitions(server: Server, policy: Policy, steps: list[Step]) -> None:
    """Admitted or not, remaining, retry and reset, whatever the rate; each key expires."""
    server.begin()
    limiter, oracle = RateLimiter(server.client, policy), Oracle(policy)
    for after, share in steps:
        now, cost = server.wait(after * policy.microseconds), cost_of(policy, share)
        check(limiter.peek("k", cost), oracle, now, cost, counts=False)
        decision = limiter.hit("k", cost)
        check(decision, oracle, now, cost)
        server.check_expiries(decision.reset_after)
    assert most_within(oracle.past, policy.microseconds) <= policy.bound


@pytest.mark.parametrize("kind", KINDS)
def test_a_clock_that_is_set_back_admits_nothing_more(server: Server, kind: type[Policy]) -> None:
    """After a failover, say: what was used stays used, and nobody waits for centuries."""
    server.begin()
    limiter = RateLimiter(server.client, kind(5, 10))
    server.wait(10**9)
    assert limiter.hit("k", 5)
    for back in (1, 5 * 10**6, 10**8):
        server.wait(-back)
        refused = limiter.hit("k")
        assert not refused
        assert refused.retry_after <= refused.reset_after <= 20
        server.check_expiries(10**3)
    server.wait(2 * 10**9)
    assert limiter.hit("k").remaining == 4


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.lists(policies(), min_size=2, max_size=3, unique_by=lambda p: p.name), STEPS)
def test_several_limits_decide_all_or_nothing(
    server: Server, several: list[Policy], steps: list[Step]
) -> None:
    """What one of them refuses, none of them counts."""
    server.begin()
    limiter = RateLimiter(server.client, *several)
    oracles = [Oracle(policy) for policy in several]
    for after, share in steps:
        now = server.wait(after * several[0].microseconds)
        cost = cost_of(min(several, key=lambda policy: policy.most), share)
        decision = limiter.hit("k", cost)
        looks = [oracle.look(now, cost) for oracle in oracles]
        assert decision.allowed == all(look.admitted for look in looks)
        if decision.allowed:
            looks = [oracle.hit(now, cost) for oracle in oracles]
        for quota, look in zip(decision.quotas, looks, strict=True):
            assert look[1:] == (
                quota.remaining,
                round(quota.retry_after * 1e6),
                round(quota.reset_after * 1e6),
            )
        server.check_expiries(max(quota.reset_after for quota in decision.quotas))


@settings(max_examples=30, deadline=None, derandomize=True)
@given(policies(), st.lists(st.sampled_from([0.0, 0.3, 0.7, 1.0]), min_size=2, max_size=9))
def test_hits_of_one_script_are_decided_one_after_the_other(
    server: Server, policy: Policy, shares: list[float]
) -> None:
    """As if they had come one by one at the same moment, of one subject and of another."""
    server.begin()
    now = server.wait(0)
    limiter = RateLimiter(server.client, policy)
    oracles = {"a": Oracle(policy), "b": Oracle(policy)}
    subjects = ["a", "b", "a", "a", "b", "a", "a", "a", "b"]
    hits = [
        (subject, cost_of(policy, share)) for subject, share in zip(subjects, shares, strict=False)
    ]
    requests = [limiter._request(subject, cost, counts=True) for subject, cost in hits]
    (decisions,) = server.client.attempt([limiter._command(requests)])
    for (subject, cost), decision in zip(hits, decisions, strict=True):
        check(decision, oracles[subject], now, cost)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(policies(), STEPS)
def test_the_local_limits_are_the_definitions_too(policy: Policy, steps: list[Step]) -> None:
    """What serves while the server is away decides by the same rules."""
    oracle, now = Oracle(policy), 1_700_000_000_000_000
    local = LocalLimits(lambda: now * 1000)
    for after, share in steps:
        now += round(after * policy.microseconds)
        cost = cost_of(policy, share)
        check(local.decide(["k"], [policy], cost, counts=False), oracle, now, cost, counts=False)
        decision = local.decide(["k"], [policy], cost, counts=True)
        assert decision.is_degraded
        check(decision, oracle, now, cost)
