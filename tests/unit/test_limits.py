"""Policies, decisions and their headers, the batches, the gate: no server."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

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
from valkey_redis.decision import decide
from valkey_redis.limit_batching import Batches
from valkey_redis.limit_local import MOST_KEYS, LocalLimits
from valkey_redis.limits import Policy

FIVE = (FixedWindow, SlidingLog, SlidingCounter, TokenBucket, GCRA)
REFILLED = (TokenBucket, GCRA)

# Policies ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FIVE)
def test_a_policy_takes_seconds_or_a_timedelta(kind: type[Policy]) -> None:
    """Both are the same limit, and it cannot be changed."""
    policy = kind(100, per=60)
    assert policy == kind(limit=100, per=timedelta(minutes=1)) == kind(100, 60.0)
    assert (policy.limit, policy.per, policy.name) == (100, 60, "100-per-60s")
    assert kind(1, 0.5).name == "1-per-0.5s"
    assert kind(1, 0.5, name="short") != kind(1, 0.5)
    with pytest.raises(AttributeError):
        policy.limit = 3  # type: ignore[misc]  # frozen: it must raise


@pytest.mark.parametrize("kind", FIVE)
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        *(
            ({"limit": limit, "per": 60}, rf"limit={limit!r}: takes a whole number from 1 to 10*")
            for limit in (0, -1, 1.5, True, "9", None, 10**9 + 1)
        ),
        *(
            ({"limit": 1, "per": per}, r"per=.*: takes seconds from 0.001 to \d+, or a timedelta")
            for per in (0, -1, 0.0009, float("nan"), float("inf"), "60", None, True, 4e8)
        ),
        ({"limit": 1, "per": timedelta(0)}, r"per=datetime.timedelta\(0\): takes seconds .*"),
        *(
            ({"limit": 1, "per": 1, "name": name}, r"name=.*: takes 1 to 60 letters, digits, .*")
            for name in ('a"b', "a b", "ä", "x" * 61, 7, "a:b")
        ),
    ],
)
def test_a_policy_refuses_what_it_cannot_count(
    kind: type[Policy], settings: dict[str, Any], said: str
) -> None:
    """One clear line: what was given, what is taken."""
    with pytest.raises(InvalidArgumentError, match=f"^{said}$"):
        kind(**settings)


@pytest.mark.parametrize("kind", REFILLED)
def test_a_burst_is_the_limit_unless_given(kind: Any) -> None:
    """It is the most at once; what takes centuries to refill is refused."""
    assert (kind(100, 60).most, kind(100, 60, 20).most, kind(100, 60, burst=500).most) == (
        100,
        20,
        500,
    )
    for burst in (0, -1, 2.5, "3", True):
        with pytest.raises(InvalidArgumentError, match=r"^burst=.*: takes a whole number from 1"):
            kind(100, 60, burst)
    with pytest.raises(InvalidArgumentError, match="takes what is refilled within a hundred years"):
        kind(1, timedelta(days=365), 101)


def test_the_bound_is_the_algorithms() -> None:
    """What any `per` seconds may have, as the docstrings say."""
    bounds = [kind(100, 60).bound for kind in FIVE]
    assert bounds == [200, 100, 199, 200, 200]
    assert TokenBucket(100, 60, 20).bound == GCRA(100, 60, 20).bound == 120


def test_the_finest_tick_that_stays_exact_is_chosen() -> None:
    """A microsecond for whatever people use; a coarser one where the products would not fit."""
    for kind in FIVE:
        assert kind(100_000, 1).terms.tick == kind(1, 86_400).terms.tick == 1
    for refilled in REFILLED:
        assert refilled(100_000, 1, 10_000).terms == (refilled.algorithm, 1, 10_000, 10, 1)
        assert refilled(1, 86_400, 10_000).terms.tick == 1
        assert refilled(99_991, 86_400).terms.tick == 1
    assert SlidingCounter(10**9, 86_400).terms == ("counter", 10_000, 10**9, 8_640_000, 1)
    for kind in (SlidingCounter, GCRA):
        with pytest.raises(
            InvalidArgumentError, match="too many in too long to be counted exactly"
        ):
            kind(10**9 - 1, 86_400.000001)


def test_limiters_refuse_what_they_do_not_take() -> None:
    """No policies, two of one name, no way at all; a cost that can never be admitted."""
    client, gcra = ValkeyClient("valkey://127.0.0.1:1"), GCRA(100, 60, 20)
    for policies, said in (
        ((), r"^policies=\(\): takes one or more, say FixedWindow\(100, per=60\)$"),
        ((100, 60), r"^policies=\(100, 60\): takes one or more"),
        ((gcra, FixedWindow(100, 60)), r"^policies 100-per-60s, 100-per-60s: takes name= to tell"),
    ):
        with pytest.raises(InvalidArgumentError, match=said):
            RateLimiter(client, *policies)  # type: ignore[arg-type]  # refused, on purpose
    for settings, said in (
        ({"on_outage": "maybe"}, r"^on_outage='maybe': takes 'open', 'closed' or 'local'$"),
        ({"slot": ""}, r"^slot='': takes one character or more$"),
        ({"namespace": "a b"}, r"^namespace 'a b': takes letters"),
    ):
        with pytest.raises(InvalidArgumentError, match=said):
            RateLimiter(client, gcra, **settings)  # type: ignore[arg-type]  # refused, on purpose
    limiter = RateLimiter(client, gcra, FixedWindow(50, 1))
    for cost in (0, -1, 21, 1.0, True, "1"):
        with pytest.raises(InvalidArgumentError, match=r"^cost=.*: takes 1 to 20, as more would"):
            limiter.hit("k", cost)  # type: ignore[arg-type]  # refused, on purpose
    for subject in ("", None, 1.5, b"k"):
        with pytest.raises(InvalidArgumentError, match=r"^key=.*: takes a text or a number$"):
            limiter.peek(subject)  # type: ignore[arg-type]  # refused, on purpose
    for names in ({}, {"other": "k"}):
        with pytest.raises(
            InvalidArgumentError, match=r"takes one or more of 100-per-60s, 50-per-1s"
        ):
            limiter.hit(names)
    with pytest.raises(
        InvalidArgumentError, match=r"^key: several subjects take a limiter with slot="
    ):
        limiter.hit({"100-per-60s": "a", "50-per-1s": "b"})
    assert repr(RateLimiter(client, FixedWindow(1, 2))) == (
        "RateLimiter(ValkeyClient(valkey://127.0.0.1:1), "
        "FixedWindow(limit=1, per=2, name='1-per-2s'))"
    )


# Decisions -----------------------------------------------------------------------------------


def test_a_decision_is_a_condition() -> None:
    """It is true if the call is admitted, and cannot be changed."""
    admitted, refused = decide([GCRA(5, 1)], [4, 0, 200_000]), decide([GCRA(5, 1)], [0, 1, 10**6])
    assert admitted
    assert not refused
    assert (admitted.remaining, admitted.retry_after, admitted.reset_after) == (4, 0.0, 0.2)
    assert (refused.retry_after, refused.limit) == (1e-6, 5)
    with pytest.raises(AttributeError):
        admitted.allowed = False  # type: ignore[misc]  # frozen: it must raise


def test_the_headers_are_the_drafts() -> None:
    """Seconds are whole and rounded up: who waits so long is admitted."""
    decision = decide([FixedWindow(100, 60, name="default")], [50, 0, 29_000_001])
    assert decision.headers() == {
        "RateLimit-Policy": '"default";q=100;w=60',
        "RateLimit": '"default";r=50;t=30',
    }
    refused = decide([GCRA(100, 0.5)], [0, 1, 500_000])
    assert refused.headers() == {
        "RateLimit-Policy": '"100-per-0.5s";q=100',
        "RateLimit": '"100-per-0.5s";r=0;t=1',
        "Retry-After": "1",
    }


def test_of_several_the_one_that_decides_is_told() -> None:
    """The longest wait of those that refuse; the least left of those that admit; all in headers."""
    two = [FixedWindow(10, 1, name="burst"), FixedWindow(1000, 86_400, name="daily")]
    admitted = decide(two, [7, 0, 900_000, 3, 0, 10**9])
    assert (admitted.allowed, admitted.policy, admitted.remaining) == (True, two[1], 3)
    refused = decide(two, [0, 900_000, 900_000, 3, 0, 10**9])
    assert (refused.allowed, refused.policy, refused.retry_after) == (False, two[0], 0.9)
    assert refused.headers() == {
        "RateLimit-Policy": '"burst";q=10;w=1, "daily";q=1000;w=86400',
        "RateLimit": '"burst";r=0;t=1, "daily";r=3;t=1000',
        "Retry-After": "1",
    }
    both = decide(two, [0, 900_000, 900_000, 1, 5_000_000, 10**9])
    assert (both.policy, both.retry_after) == (two[1], 5)


def test_a_degraded_decision_does_not_say_what_is_left() -> None:
    """Nobody knows it."""
    decision = Decision(False, GCRA(5, 1), 0, 0.5, 0.5, is_degraded=True)
    assert decision.headers() == {"RateLimit-Policy": '"5-per-1s";q=5;w=1', "Retry-After": "1"}


# Without the server --------------------------------------------------------------------------


def test_local_limits_keep_so_many_keys() -> None:
    """Of more, those go that come to mean nothing first; what means nothing goes at once."""
    now = 0
    local = LocalLimits(lambda: now)
    short, long = [FixedWindow(2, 1)], [FixedWindow(2, 1000)]
    local.decide(["long"], long, 2, counts=True)
    for i in range(MOST_KEYS):
        local.decide([f"short:{i}"], short, 1, counts=True)
    assert len(local._states) == MOST_KEYS * 9 // 10
    assert not local.decide(["long"], long, 1, counts=True)
    now = 2 * 10**9
    for i in range(MOST_KEYS):
        local.decide([f"other:{i}"], short, 1, counts=True)
    assert not any(key.startswith("short") for key in local._states)
    local.forget(["long", "never"])
    assert local.decide(["long"], long, 1, counts=True).remaining == 1


# Batches -------------------------------------------------------------------------------------


async def test_who_comes_meanwhile_goes_along_next() -> None:
    """A lone caller goes at once; the others wait for its return, and go together."""
    sent: list[list[int]] = []

    async def send(questions: list[int]) -> list[int]:
        sent.append(questions)
        await asyncio.sleep(0)
        return [question * 2 for question in questions]

    batches = Batches(send)
    assert await asyncio.gather(*map(batches.ask, range(5))) == [0, 2, 4, 6, 8]
    assert await batches.ask(9) == 18
    assert sent == [[0], [1, 2, 3, 4], [9]]


async def test_a_bug_reaches_every_caller() -> None:
    """What is no outage is raised, by each that waits; and the next ones are asked again."""

    async def send(questions: list[int]) -> list[float]:
        await asyncio.sleep(0)
        return [1 / question for question in questions]

    batches = Batches(send)
    answers = await asyncio.gather(*map(batches.ask, [0, 1, 0]), return_exceptions=True)
    assert [type(answer) for answer in answers] == [ZeroDivisionError] * 3
    assert await batches.ask(2) == 0.5


async def test_who_was_cancelled_before_it_was_sent_has_asked_nothing() -> None:
    """Those who left while their batch was under way did ask; nobody else is hurt."""
    sent: list[list[int]] = []

    async def send(questions: list[int]) -> list[int]:
        sent.append(questions)
        await asyncio.sleep(0)
        return questions

    batches = Batches(send)
    tasks = [asyncio.ensure_future(batches.ask(number)) for number in range(5)]
    await asyncio.sleep(0)
    tasks[2].cancel()
    await tasks[0]
    tasks[3].cancel()
    assert await asyncio.gather(tasks[1], tasks[4]) == [1, 4]
    assert sent == [[0], [1, 3, 4]]
    assert tasks[2].cancelled()
    assert tasks[3].cancelled()
