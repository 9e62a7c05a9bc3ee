"""What is sent next, given what came back: the protocol without a server."""

import random
from collections.abc import Generator
from typing import Any

import pytest

from valkey_redis.codec import JSON
from valkey_redis.entry import Terms
from valkey_redis.filling import EVER, NEVER, TICKS, Answer, Plan
from valkey_redis.keys import CacheKeys
from valkey_redis.looking import Load, Pause, Send

EPOCH = b"0123456789abcdef"
TERMS = Terms(60_000, 60_000, 0, 0.0, 1.0, JSON)
NAMES = ["app:cache:a", "app:cache:b"]
Steps = Generator[Any, Any, Any]


def plan(*, is_cluster: bool = False) -> Plan:
    """Return the plan of a namespace, with leases of five seconds."""
    keys = CacheKeys("app", is_cluster=is_cluster)
    return Plan(keys, throw_on_corrupt=False, lease=5000, dice=random.Random(7))  # noqa: S311 - repeatable


def sent(step: object) -> list[str]:
    """Return the names of what is sent, the commands in short."""
    assert isinstance(step, Send)
    return [str(command.words[0]) for command in step.queued]


def end(steps: Steps, result: Any) -> Any:
    """Give the last result; return the steps' own."""
    with pytest.raises(StopIteration) as caught:
        steps.send(result)
    return caught.value.value


def test_a_load_is_a_look_a_lease_and_a_fill() -> None:
    """Three round trips, and the answer may be shared by who came before the fill."""
    steps: Steps = plan().fetch(["app:cache:a"], TERMS)
    assert sent(next(steps)) == ["MGET"]
    assert sent(steps.send([[None, None]])) == ["EVALSHA"]
    load = steps.send([[EPOCH, 0]])
    assert isinstance(load, Load)
    assert load.entries == ["app:cache:a"]
    before_the_fill = next(TICKS)
    assert sent(steps.send({"app:cache:a": 7})) == ["EVALSHA"]
    after_the_fill = next(TICKS)
    answer = end(steps, [[1]])["app:cache:a"]
    assert (answer.value, answer.is_loaded, answer.is_stored) == (7, True, True)
    # Who comes after the fill was sent may have come after an invalidation that it did not see.
    assert before_the_fill < answer.as_of < after_the_fill


def test_what_was_seen_is_not_looked_at_again() -> None:
    """A caller's own look is the first of the three."""
    look = plan().look(["app:cache:a"], TERMS)
    next(look)
    seen = end(look, [[None, None]])
    steps: Steps = plan().fetch(["app:cache:a"], TERMS, seen)
    assert sent(next(steps)) == ["EVALSHA"]


def test_a_refused_fill_may_be_shared_by_nobody() -> None:
    """Whoever else waits may have come after the invalidation."""
    steps: Steps = plan().fetch(["app:cache:a"], TERMS)
    next(steps)
    steps.send([[None, None]])
    steps.send([[EPOCH, 0]])
    steps.send({"app:cache:a": 7})
    answer = end(steps, [[0]])["app:cache:a"]
    assert (answer.value, answer.as_of, answer.is_stored) == (7, NEVER, False)


@pytest.mark.parametrize("version", [b"fedcba9876543210", None])
def test_a_fill_whose_tag_was_invalidated_may_be_shared_by_nobody(version: bytes | None) -> None:
    """The entry took no harm, its tag did: it was stored, and is not valid."""
    steps: Steps = plan().fetch(["app:cache:a"], Terms(60_000, 60_000, 0, 0.0, 1.0, JSON, ("t",)))
    assert sent(next(steps)) == ["MGET", "GET"]
    steps.send([[None, None], None])
    assert sent(steps.send([[EPOCH, 0]])) == ["SET", "PEXPIRE", "GET"]
    steps.send([True, 0, EPOCH])
    assert sent(steps.send({"app:cache:a": 7})) == ["EVALSHA", "GET"]
    assert end(steps, [[1], version])["app:cache:a"].as_of == NEVER


def test_without_a_server_it_loads_alone() -> None:
    """At the look, or at the lease: no lease is asked for, and nothing is stored."""
    for replies in ([None], [[[None, None, None]], None]):
        steps: Steps = plan().fetch(NAMES, TERMS)
        next(steps)
        for reply in replies:
            load = steps.send(reply)
        assert load == Load(NAMES, None)
        assert end(steps, dict.fromkeys(NAMES, 7)) == dict.fromkeys(NAMES, Answer(7, EVER))


def test_who_waits_looks_less_and_less_often() -> None:
    """Pauses grow with the time waited, and never go beyond the lease that is waited for."""
    steps: Steps = plan().fetch(["app:cache:a"], TERMS)
    next(steps)
    steps.send([[None, None]])
    waited, looks, left = 0.0, 0, 5000
    while left > 0:
        pause = steps.send([[EPOCH, left]])
        assert isinstance(pause, Pause)
        assert 0 < pause.seconds <= max(0.005, waited / 5) + 1e-9
        assert pause.seconds <= left / 1000 + 0.006
        waited, looks = waited + pause.seconds, looks + 1
        left = 5000 - int(waited * 1000)
        assert sent(next(steps)) == ["EVALSHA"]
    assert looks <= 45
    assert waited <= 5.1


def test_what_changed_is_looked_at_again_at_once() -> None:
    """Another header than the one seen: the value may be there by now."""
    steps: Steps = plan().fetch(["app:cache:a"], TERMS)
    next(steps)
    steps.send([[None, None]])
    assert sent(steps.send([[EPOCH, -1]])) == ["MGET"]


def test_only_what_is_granted_is_loaded_and_the_rest_is_waited_for() -> None:
    """Loading comes first: nobody waits while others wait for it."""
    steps: Steps = plan().fetch(NAMES, TERMS)
    next(steps)
    steps.send([[None, None, None]])
    load = steps.send([[EPOCH, 0, 3000]])
    assert isinstance(load, Load)
    assert load.entries == ["app:cache:a"]
    steps.send({"app:cache:a": 1})
    assert sent(steps.send([[1]])) == ["EVALSHA"]
    assert isinstance(steps.send([[EPOCH, 2900]]), Pause)


def test_a_failed_load_lets_go_of_its_leases() -> None:
    """Its error comes out after that."""
    steps: Steps = plan().fetch(NAMES, TERMS)
    next(steps)
    steps.send([[None, None, None]])
    steps.send([[EPOCH, 0, 0]])
    step = steps.throw(ZeroDivisionError())
    assert sent(step) == ["EVALSHA"]
    assert step.queued[0].words[3:5] == tuple(NAMES)
    assert step.queued[0].words[-1] == 0
    with pytest.raises(ZeroDivisionError):
        steps.send([2])


def test_what_the_loader_left_out_is_let_go() -> None:
    """It is not waited for by anybody, and not among the answers."""
    steps: Steps = plan().fetch(NAMES, TERMS)
    next(steps)
    steps.send([[None, None, None]])
    steps.send([[EPOCH, 0, 0]])
    steps.send({"app:cache:a": 1})
    step = steps.send([[1]])
    assert step.queued[0].words[3:4] == ("app:cache:b",)
    assert list(end(steps, [1])) == ["app:cache:a"]


@pytest.mark.parametrize("reply", [None, [[0]]])
def test_a_write_that_was_not_stored_is_invalidated(reply: Any) -> None:
    """Refused, or without a server: what lies there may be older than what was written."""
    steps: Steps = plan().replace("app:cache:a", TERMS)
    assert next(steps).queued[0].words[-1] == b"*"
    steps.send(None if reply is None else [[EPOCH, 0]])
    steps.send({"app:cache:a": 7})
    step = steps.send(reply)
    assert [command.words for command in step.queued] == [("UNLINK", "app:cache:a")]
    assert end(steps, [1]).value == 7


def test_a_failed_write_is_invalidated() -> None:
    """It may have been written for all that, and a reader have stored the row of before it."""
    steps: Steps = plan().replace("app:cache:a", TERMS)
    next(steps)
    steps.send([[EPOCH, 0]])
    assert sent(steps.throw(ZeroDivisionError())) == ["EVALSHA"]
    step = steps.send([0])
    assert [command.words for command in step.queued] == [("UNLINK", "app:cache:a")]
    with pytest.raises(ZeroDivisionError):
        steps.send([1])


def test_a_failed_refresh_keeps_its_lease_while_the_old_value_serves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody tries again for a lease, or for as long as there is an old value if that is less."""
    monkeypatch.setattr("time.time", lambda: 1_700_000_000.0)
    for fresh_for, stale_ttl, expected in [
        (2000, 0, 2000),
        (9000, 0, 5000),
        (-1000, 3000, 2000),
        (-1000, 9000, 5000),
        (-1000, 500, 0),
    ]:
        terms = Terms(60_000, 60_000, stale_ttl, 0.0, 1.0, JSON)
        look = plan().look(["app:cache:a"], terms)
        next(look)
        until = 1_700_000_000_000 + fresh_for
        data = b"vc1v;%013d;0000000001;----------------;0000000000000;%b;00000;7" % (until, EPOCH)
        found = end(look, [[EPOCH, data]])["app:cache:a"]
        steps: Steps = plan().refresh("app:cache:a", found, terms)
        next(steps)
        steps.send([[EPOCH, 0]])
        step = steps.throw(ZeroDivisionError())
        assert step.queued[0].words[-1] == expected
        with pytest.raises(ZeroDivisionError):
            steps.send([1])


def test_one_command_takes_so_many_entries_of_one_slot() -> None:
    """250 at most, so that the server serves others between; in a cluster, of one epoch each."""
    names = [f"app:cache:{number}" for number in range(600)]
    assert [len(group) for _, group in plan().groups(names)] == [250, 250, 100]
    keys = CacheKeys("app", is_cluster=True)
    spread = plan(is_cluster=True).groups([keys.entry(str(number)) for number in range(600)])
    assert sum(len(group) for _, group in spread) == 600
    for epoch, group in spread:
        tag = epoch[epoch.index("{") : epoch.index("}") + 1]
        assert all(tag in name for name in group)
