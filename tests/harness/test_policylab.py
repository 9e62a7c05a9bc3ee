"""The lab measures the server's own eviction: by its own clock, and at a pretended pace."""

from collections.abc import Iterator
from typing import Any

import pytest

from valkey_redis import InvalidArgumentError
from valkey_redis.simulate import FIFO, LRU, WORKLOADS, Random, hit_ratio
from workshop.policylab import PolicyLab

ENTRIES = 200
TRACE = [key % 1_000 for key in WORKLOADS["zipf"](10_000, 42)]


@pytest.fixture(scope="module")
def lab() -> Iterator[PolicyLab]:
    """Return a lab with room for 200 entries."""
    with PolicyLab(ENTRIES) as lab:
        yield lab


def points(ratio: float) -> float:
    """Return a hit ratio in per cent."""
    return 100 * ratio


def test_holds_about_so_many_entries(lab: PolicyLab) -> None:
    """A full cache has the entries that were asked for."""
    replay = lab.replay(range(1_000), "allkeys-random")
    assert abs(replay.entries - ENTRIES) <= ENTRIES * 0.03
    assert replay.evictions == 1_000 - replay.entries
    assert (replay.hits, replay.refused, replay.requests) == (0, 0, 1_000)
    assert abs(replay.used - replay.limit) < replay.limit * 0.02


def test_every_request_is_one_look(lab: PolicyLab) -> None:
    """None is lost on the way, and whoever is there is hit: by either kind of replay."""
    few = [key % 50 for key in range(1_000)]
    for rate in (None, 10):
        replay = lab.replay(few, "allkeys-lru", rate=rate)
        assert (replay.hits, replay.entries, replay.evictions) == (950, 50, 0)
        assert replay.hit_ratio == 0.95


def test_paced_it_is_nearly_lru(lab: PolicyLab) -> None:
    """With seconds between the uses of a key the server is within two points of exact LRU."""
    paced = points(lab.replay(TRACE, "allkeys-lru", rate=1).hit_ratio)
    exact, chance = (points(hit_ratio(kind, TRACE, ENTRIES)) for kind in (LRU, Random))
    assert exact - chance > 4  # there is a difference to be seen
    assert abs(paced - exact) < 2


def test_faster_than_its_clock_it_is_no_lru(lab: PolicyLab) -> None:
    """All in one second, used and unused look alike: no better than first in, first out."""
    at_once = points(lab.replay(TRACE, "allkeys-lru", rate=1e9).hit_ratio)
    assert at_once < points(hit_ratio(FIFO, TRACE, ENTRIES)) + 1
    assert max(lab.idle_times()) < 10  # seconds that it really took, and not the key's age


def test_a_key_used_twice_in_a_second_stays_where_it_is(lab: PolicyLab) -> None:
    """It is not stored anew: 950 of 1,000 uses are refused as the key is there."""
    lab.replay([key % 50 for key in range(1_000)], "allkeys-lru", rate=1e9)
    assert lab.client.info("errorstats")["errorstat_BUSYKEY"]["count"] == 950


def test_idle_times_are_the_pretended_ones(lab: PolicyLab) -> None:
    """Key n of ten, used once in second n, is idle for as long as the later ones took."""
    lab.replay(range(10), "allkeys-lru", rate=1)
    idle = lab.idle_times()
    assert len(idle) == 10
    assert all(n <= seconds <= n + 1 for n, seconds in enumerate(idle))


def test_lfu_keeps_what_is_used_often(lab: PolicyLab) -> None:
    """A count needs no clock: a scan does not push out what was used a hundred times."""
    trace = [key for key in range(20) for _ in range(100)] + list(range(1_000, 2_000))
    after = trace + list(range(20))
    gained = {
        policy: lab.replay(after, policy).hits - lab.replay(trace, policy).hits
        for policy in ("allkeys-lfu", "allkeys-random")
    }
    assert gained["allkeys-lfu"] == 20
    assert gained["allkeys-random"] < 10


@pytest.mark.parametrize("policy", ["noeviction", "volatile-lru", "volatile-lfu", "volatile-ttl"])
def test_without_lifetimes_volatile_refuses(lab: PolicyLab, policy: str) -> None:
    """There is nobody to evict: writes are refused, as under noeviction."""
    replay = lab.replay(range(1_000), policy)
    assert replay.evictions == 0
    assert replay.refused == 1_000 - replay.entries


def test_with_lifetimes_volatile_evicts(lab: PolicyLab) -> None:
    """The same with a lifetime for each key."""
    for rate in (None, 10):
        replay = lab.replay(range(1_000), "volatile-lru", rate=rate, ttl=1_000)
        assert (replay.refused, replay.evictions) == (0, 1_000 - replay.entries)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        ({"trace": []}, "the trace is empty: takes a list of keys"),
        ({"policy": "lru"}, "policy='lru': takes noeviction, allkeys-lru, "),
        ({"rate": 0}, "rate=0: takes requests a second, more than 0"),
        ({"rate": -1.5}, "rate=-1.5: takes requests a second, more than 0"),
        ({"rate": 1, "policy": "allkeys-lfu"}, "rate=1: takes a policy -lru, not allkeys-lfu"),
        ({"ttl": 0}, "ttl=0: takes seconds, 0.001 or more"),
    ],
)
def test_refuses_in_one_line(lab: PolicyLab, call: dict[str, Any], text: str) -> None:
    """What makes no sense is told before the server is asked."""
    words = {"trace": [1], "policy": "allkeys-lru"} | call
    with pytest.raises(InvalidArgumentError) as error:
        lab.replay(**words)
    assert str(error.value).startswith(text)


@pytest.mark.parametrize(
    "words", [{"entries": 49}, {"entries": 1e3}, {"entries": 50, "samples": 0}]
)
def test_refuses_a_size(words: dict[str, Any]) -> None:
    """A lab is of 50 entries at least."""
    with pytest.raises(InvalidArgumentError, match="takes a whole number from"):
        PolicyLab(**words)


def test_ends_its_server(lab: PolicyLab) -> None:
    """Nothing is left running."""
    with PolicyLab(50) as other:
        assert other.client.ping()
    assert not other._server.is_running
    assert lab._server.is_running


def test_a_failure_at_the_start_ends_the_server() -> None:
    """No server is left behind by a lab that did not come to be."""
    lab = PolicyLab(50, samples=65)  # the server takes 64 at most
    with pytest.raises(Exception, match="maxmemory-samples"):
        lab.__enter__()
    assert not lab._server.is_running
