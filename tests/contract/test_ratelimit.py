"""The limiters over every backend, face and driver."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from tests.contract.conftest import Place
from tests.support.faces import AwaitableClient
from tests.support.limiters import DAY, FIVE, HOUR, limiter_of

from valkey_redis import (
    GCRA,
    FixedWindow,
    InvalidArgumentError,
    SlidingCounter,
    SlidingLog,
    TokenBucket,
    check_rate_limit,
    service_rate_limit,
    verify_and_limit,
)


async def keys_of(client: Any) -> list[str]:
    """Return all keys; assert that each expires."""
    keys = [key async for key in client.scan()]
    for key in keys:
        assert (await client.ttl(key) or 0) > 0, f"{key} never expires"
    return keys


async def test_the_limit_is_admitted_and_no_more(client: Any) -> None:
    """Each call counts down; the refused are not counted, and told when to come again."""
    for policy in FIVE.values():
        limiter = limiter_of(client, policy)
        assert (await limiter.peek("alice")).remaining == 5
        for left in (4, 3, 2, 1, 0):
            decision = await limiter.hit("alice")
            assert (decision.allowed, decision.remaining, decision.retry_after) == (True, left, 0)
        for _ in range(2):
            decision = await limiter.hit("alice")
            assert (decision.allowed, decision.remaining) == (False, 0)
            assert 0 < decision.retry_after <= decision.reset_after <= 60 * DAY
            assert (decision.limit, decision.policy) == (policy.limit, policy)
            assert not decision.is_degraded
        assert (await limiter.hit("bob")).remaining == 4
    assert len(await keys_of(client)) == 2 * 5  # and none of those who only peeked


async def test_a_call_may_cost_more(client: Any) -> None:
    """All of its cost or nothing: what does not fit leaves room for a cheaper one; thousands, too."""
    for policy in FIVE.values():
        limiter = limiter_of(client, policy)
        assert (await limiter.hit("alice", 3)).remaining == 2
        refused = await limiter.hit("alice", cost=3)
        assert (refused.allowed, refused.remaining) == (False, 2)
        assert (await limiter.peek("alice", 2)).allowed
        assert not (await limiter.peek("alice", 3)).allowed
        assert (await limiter.hit("alice", 2)).remaining == 0
        huge = limiter_of(client, type(policy)(2500, 30 * DAY))
        assert (await huge.hit("alice", 1500)).remaining == 1000
        assert not (await huge.hit("alice", 1001)).allowed


async def test_reset_forgets(client: Any) -> None:
    """The subject is as if it had never come; others are not touched."""
    for policy in FIVE.values():
        limiter = limiter_of(client, policy)
        assert await limiter.reset("alice") is False
        for name in ("alice", "bob"):
            await limiter.hit(name, 5)
        assert await limiter.reset("alice") is True
        assert (await limiter.hit("alice")).remaining == 4
        assert not (await limiter.hit("bob")).allowed


async def test_what_another_wrote_is_no_error(client: Any) -> None:
    """A key of another type, or with a text that no limit wrote, counts as nothing used."""
    for policy in FIVE.values():
        limiter = limiter_of(client, policy)
        key = f"app:limit:{{alice}}:{policy.key}"
        for verb, *words in (("RPUSH", "text"), ("SET", "text"), ("SET", "1 2 3 4")):
            await client.raw.execute_command("DEL", key)
            await client.raw.execute_command(verb, key, *words)
            assert (await limiter.hit("alice", 2)).remaining == 3
            assert (await limiter.hit("alice")).remaining == 2
            assert await keys_of(client)


async def test_time_brings_it_back(client: Any) -> None:
    """After `retry_after` the same call is admitted; and after `reset_after` everything is back."""
    policies = (
        FixedWindow(4, per=0.05),
        SlidingLog(4, per=0.05),
        SlidingCounter(4, per=0.05),
        TokenBucket(4, per=0.05),
        GCRA(4, per=0.05),
    )
    for policy in policies:
        limiter = limiter_of(client, policy)
        while decision := await limiter.hit("alice"):
            pass
        await asyncio.sleep(decision.retry_after)
        assert await limiter.hit("alice")
        await asyncio.sleep((await limiter.peek("alice")).reset_after)
        assert (await limiter.peek("alice", 4)).remaining == 4


async def test_several_limits_are_all_or_nothing(client: Any) -> None:
    """A call that one refuses is counted by none; the one that decides is told."""
    minute, day = FixedWindow(3, per=30 * DAY, name="fast"), SlidingLog(5, per=DAY, name="slow")
    limiter = limiter_of(client, minute, day)
    for left in (2, 1, 0):
        decision = await limiter.hit("alice")
        assert (decision.allowed, decision.policy, decision.remaining) == (True, minute, left)
    for _ in range(3):
        decision = await limiter.hit("alice")
        assert (decision.allowed, decision.policy) == (False, minute)
        assert [quota.remaining for quota in decision.quotas] == [0, 2]
    assert (await limiter.peek({"slow": "alice"}, 2)).allowed
    assert not (await limiter.peek({"fast": "alice"})).allowed
    assert len(await keys_of(client)) == 2
    assert await limiter.reset("alice") is True
    assert await keys_of(client) == []


async def test_all_five_together(client: Any) -> None:
    """Any of the algorithms may stand beside any other."""
    named = [type(policy)(5, 30 * DAY, name=name) for name, policy in FIVE.items()]
    limiter = limiter_of(client, *named)
    assert (await limiter.hit("alice", 2)).remaining == 3
    assert (await limiter.hit({"log": "alice"}, 3)).remaining == 0
    refused = await limiter.hit("alice")
    assert (refused.allowed, refused.policy.name) == (False, "log")
    assert [quota.remaining for quota in refused.quotas] == [3, 0, 3, 3, 3]
    assert len(await keys_of(client)) == 5


async def test_two_subjects_are_all_or_nothing(client: Any) -> None:
    """A token and an address, each with its own limit: what one refuses, the other does not count."""
    token, address = FixedWindow(2, 30 * DAY, name="token"), GCRA(3, 30 * DAY, name="address")
    limiter = limiter_of(client, token, address, slot="login")
    ann = {"token": "ann", "address": "1.2.3.4"}
    assert (await limiter.hit(ann)).policy is token
    assert await limiter.hit(ann)
    assert [quota.remaining for quota in (await limiter.hit(ann)).quotas] == [0, 1]
    assert (await limiter.hit({"token": "bob", "address": "1.2.3.4"})).policy is address
    refused = await limiter.hit({"token": "bob", "address": "1.2.3.4"})
    assert (refused.allowed, refused.policy) == (False, address)
    assert await limiter.hit({"token": "bob"})
    assert len(await keys_of(client)) == 3


async def test_a_subject_may_be_any_text(client: Any) -> None:
    """Braces, colons and spaces neither break a slot nor make two subjects one."""
    subjects = ["a", "a:b", "{a}", "}{", "a b\n", "ü", "%7Ba%7D", 7, "7:", "{", "x" * 500]
    for settings in ({}, {"slot": "{s}"}):
        limiter = limiter_of(client, FIVE["gcra"], FixedWindow(5, 30 * DAY), **settings)
        for subject in subjects:
            assert (await limiter.hit(subject)).remaining == 4
    assert len(await keys_of(client)) == 2 * 2 * len(subjects)


async def test_other_limits_have_other_keys(client: Any) -> None:
    """A changed limit begins anew instead of reading what the old one wrote; names count too."""
    for policy in (
        GCRA(5, HOUR),
        GCRA(6, HOUR),
        GCRA(5, 2 * HOUR),
        GCRA(5, timedelta(hours=1), burst=4),
        GCRA(5, HOUR, name="other"),
        TokenBucket(5, HOUR),
        SlidingCounter(5, HOUR),
        FixedWindow(5, HOUR),
    ):
        assert (await limiter_of(client, policy).hit("alice")).remaining == policy.most - 1
    other = limiter_of(client, GCRA(5, HOUR), namespace="other")
    assert (await other.hit("alice")).remaining == 4
    assert len(await keys_of(client)) == 9


async def test_many_at_once_are_counted_each(client: Any) -> None:
    """Tasks that come together share round trips, and each has its own decision."""
    limiter = limiter_of(client, SlidingLog(30, HOUR), FixedWindow(1000, 30 * DAY))
    asked = [limiter.hit(f"user:{i % 3}", 1 + i % 2) for i in range(120)]
    # Among the others, so that the answers are not in the order of the scripts.
    asked.insert(60, limiter.hit({"30-per-3600s": "dora"}, 30))
    asked.insert(60, limiter.peek("erin", 2))
    decisions = await asyncio.gather(*asked)
    peek, dora = decisions.pop(60), decisions.pop(60)
    admitted = Counter[int]()
    for i, decision in enumerate(decisions):
        admitted[i % 3] += (1 + i % 2) * decision.allowed
    assert admitted == {0: 30, 1: 30, 2: 30}
    assert (peek.allowed, peek.remaining) == (True, 30)
    assert (dora.allowed, dora.remaining) == (True, 0)
    assert (await limiter.peek("erin")).remaining == 30
    assert not await limiter.hit("dora")


async def test_a_forgotten_script_is_sent_again(client: Any) -> None:
    """NOSCRIPT is no outage, and counts nothing twice."""
    limiter = limiter_of(client, FIVE["fixed"])
    for left in (4, 3):
        await client.raw.execute_command("SCRIPT FLUSH")
        decision = await limiter.hit("alice")
        assert (decision.remaining, decision.is_degraded) == (left, False)


# In one call ---------------------------------------------------------------------------------


def _own(client: Any) -> Any:
    return client.sync if isinstance(client, AwaitableClient) else client


async def _call(client: Any, function: Any, *args: Any, **kwargs: Any) -> Any:
    made = function(*args, client=_own(client), **kwargs)
    return made if isinstance(client, AwaitableClient) else await made


async def test_check_and_service_rate_limit(client: Any) -> None:
    """So many by key in so long; a service's limit is none of check_rate_limit's."""
    for left in (1, 0):
        decision = await _call(client, check_rate_limit, "export", 2, timedelta(days=30))
        assert (decision.allowed, decision.remaining) == (True, left)
    assert not await _call(client, check_rate_limit, "export", 2, 30 * DAY)
    assert await _call(client, check_rate_limit, "export", 3, 30 * DAY, 3)
    assert (await _call(client, service_rate_limit, "maps", 3, HOUR, 2)).remaining == 1
    assert not await _call(client, service_rate_limit, "maps", 3, HOUR, cost=2)
    assert await _call(client, check_rate_limit, "maps", 3, HOUR, cost=3)
    await keys_of(client)


async def test_verify_and_limit(client: Any) -> None:
    """Token and address together, for each endpoint; no key shows a token."""
    window = 30 * DAY

    async def call(token: str | None, ip: str, endpoint: str = "/login") -> Any:
        return await _call(client, verify_and_limit, token, ip, endpoint, window, 2, ip_limit=3)

    assert (await call("secret", "192.0.2.1")).policy.name == "token"
    assert await call("secret", "192.0.2.1")
    assert not await call("secret", "192.0.2.1")
    assert not await call("secret", "192.0.2.2")
    assert await call(None, "192.0.2.1")
    refused = await call("", "::ffff:192.0.2.1")
    assert (refused.allowed, refused.policy.name) == (False, "address")
    assert not await call("other", "192.0.2.1")
    assert await call("secret", "192.0.2.1", "/other")
    assert not any("secret" in key for key in await keys_of(client))


async def test_an_ipv6_site_is_one_address(client: Any) -> None:
    """Who has a /64 cannot have a limit for each of its addresses."""
    for i, admitted in enumerate((True, True, False)):
        decision = await _call(client, verify_and_limit, None, f"2001:db8::{i}", "/", 30 * DAY, 2)
        assert decision.allowed is admitted
    assert await _call(client, verify_and_limit, None, "2001:db8:0:1::1", "/", 30 * DAY, 2)
    with pytest.raises(
        InvalidArgumentError, match=r"^ip='nowhere': takes an IPv4 or IPv6 address$"
    ):
        await _call(client, verify_and_limit, None, "nowhere", "/")


async def test_two_clients_share_a_limit(place: Place) -> None:
    """What one counts, the other sees."""
    async with place.connect() as one, place.connect() as other:
        limiters = limiter_of(one, FIVE["log"]), limiter_of(other, FIVE["log"])
        assert [(await limiters[i % 2].hit("k")).remaining for i in range(5)] == [4, 3, 2, 1, 0]
        assert not await limiters[1].hit("k")
