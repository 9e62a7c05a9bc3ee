"""The simulated policies beside their textbooks, plain models, a formula, and libcachesim."""

import json
import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.eviction_models import MODELS

from valkey_redis import InvalidArgumentError
from valkey_redis.simulate import (
    FIFO,
    LFU,
    LIFO,
    LRU,
    MRU,
    POLICIES,
    S3FIFO,
    SIEVE,
    WORKLOADS,
    AgedLFU,
    Policy,
    Random,
    che,
    curve,
    hit_ratio,
    optimal,
)
from valkey_redis.simulate.workloads import SHARES

Make = Callable[[int], Policy]

GOLDEN = json.loads((Path(__file__).parents[1] / "data" / "eviction_golden.json").read_text())
TEXTBOOK = [int(key) for key in "7 0 1 2 0 3 0 4 2 3 0 3 2 1 2 0 1 7 0 1".split()]
ANOMALY = [int(key) for key in "1 2 3 4 1 2 5 1 2 3 4 5".split()]
EVERY: dict[str, Make] = {**POLICIES, "random": Random}
every = pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)
few = settings(max_examples=25)  # for each of nine policies
keys = st.integers(0, 8)
traces = st.lists(keys, max_size=60)
steps = st.lists(
    st.tuples(st.sampled_from(["get", "set", "set", "delete"]), keys)
    | st.tuples(st.just("resize"), st.integers(1, 6)),
    max_size=45,
)


def play(policy: Policy, history: list[tuple[str, int]]) -> Policy:
    """Let the policy go through a history."""
    for name, argument in history:
        getattr(policy, name)(argument)
    return policy


def faults(make: Make, trace: list[int], frames: int) -> int:
    """Count the misses."""
    return len(trace) - sum(map(make(frames).access, trace))


# Beside others ------------------------------------------------------------------------


def test_textbook_strings() -> None:
    """The reference string of the textbooks, and the string where more memory means more faults."""
    assert {name: faults(POLICIES[name], TEXTBOOK, 3) for name in ("FIFO", "LRU")} == {
        "FIFO": 15,
        "LRU": 12,
    }
    assert len(TEXTBOOK) - optimal(TEXTBOOK, 3) == 9
    assert [faults(FIFO, ANOMALY, frames) for frames in (3, 4)] == [9, 10]
    assert [faults(LRU, ANOMALY, frames) for frames in (3, 4)] == [10, 8]


def test_a_loop_a_tenth_too_long() -> None:
    """Whoever keeps the recent or the frequent hits nothing; MRU is as good as who knows the future."""
    trace = WORKLOADS["loop"](33_000, 42)
    assert [hit_ratio(make, trace, 1_000) for make in (LRU, FIFO, LFU)] == [0, 0, 0]
    hits = [*map(MRU(1_000).access, trace)]
    assert sum(hits) == optimal(trace, 1_000)
    assert sum(hits[1_100:]) / 31_900 == pytest.approx(999 / 1_099, abs=0.001)


@pytest.mark.parametrize("workload", WORKLOADS)
def test_hit_for_hit_as_libcachesim(workload: str) -> None:
    """The hits are libcachesim's; its LFU lets another of the equally frequent go."""
    trace = WORKLOADS[workload](GOLDEN["requests"], GOLDEN["seed"])
    assert crc32(repr(trace).encode()) == GOLDEN["crc32"][workload], "another workload: renew it"
    for name, by_capacity in GOLDEN["hits"][workload].items():
        for capacity, hits in ((int(text), hits) for text, hits in by_capacity.items()):
            ours = (
                optimal(trace, capacity)
                if name == "OPT"
                else sum(map(POLICIES[name](capacity).access, trace))
            )
            assert ours == pytest.approx(hits, abs=2 if name == "LFU" else 0), (name, capacity)


def test_the_long_run() -> None:
    """On Zipf's requests at a tenth of the keys: the table of reference, and Che's approximation."""
    trace = WORKLOADS["zipf"](300_000, 42)
    table = {name: ratios[0] for name, ratios in curve(trace[:200_000], [1_000]).items()}
    assert {name: f"{ratio:.2%}" for name, ratio in table.items()} == {
        "FIFO": "62.77%",
        "LIFO": "67.87%",
        "LRU": "67.21%",
        "MRU": "13.51%",
        "LFU": "72.93%",
        "aged LFU": "73.16%",
        "SIEVE": "73.11%",
        "S3-FIFO": "73.15%",
        "OPT": "81.12%",
    }
    expected = che(SHARES, 1_000)
    for make, ratio in ((LRU, expected.lru), (FIFO, expected.fifo), (Random, expected.fifo)):
        hits = [*map(make(1_000).access, trace)][20_000:]  # the first requests fill the cache
        assert sum(hits) / len(hits) == pytest.approx(ratio, abs=0.002), make


# Beside plain models --------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
@given(capacity=st.integers(1, 6), history=steps)
def test_step_for_step_as_its_definition(
    name: str, capacity: int, history: list[tuple[str, int]]
) -> None:
    """Replies, victims and the order are those of the plain model, whatever is done."""
    policy: Any = AgedLFU(capacity, 1) if name == "aged LFU" else POLICIES[name](capacity)
    model = MODELS[name](capacity)
    for verb, argument in history:
        assert getattr(policy, verb)(argument) == getattr(model, verb)(argument)
        assert policy.keys() == model.keys()
        assert len(policy) == len(model.held()) <= policy.capacity


@every
@few
@given(capacity=st.integers(1, 30), history=steps)
def test_keys_are_in_the_order_of_eviction(
    make: Make, capacity: int, history: list[tuple[str, int]]
) -> None:
    """What `keys` tells is what successive evictions take; to ask changes nothing."""
    policy = play(make(capacity), history)
    told = policy.keys()
    assert policy.keys() == told
    assert all(key in policy for key in told)
    assert [policy._evict() for _ in told] == told
    assert len(policy) == 0


@every
@few
@given(capacity=st.integers(1, 6), history=steps, key=keys)
def test_a_deleted_key_is_gone(
    make: Make, capacity: int, history: list[tuple[str, int]], key: int
) -> None:
    """The others stay, and to delete it once more changes nothing."""
    policy = play(make(capacity), history)
    before = policy.keys()
    assert policy.delete(key) is (key in before)
    assert key not in policy
    after = policy.keys()
    assert sorted(after) == sorted(set(before) - {key})
    assert policy.delete(key) is False
    assert policy.keys() == after


@every
@few
@given(trace=traces, capacity=st.integers(1, 6))
def test_nobody_beats_who_knows_the_future(make: Make, trace: list[int], capacity: int) -> None:
    """OPT has as many hits as any, and no hit more than the requests that are no key's first."""
    most = optimal(trace, capacity)
    assert sum(map(make(capacity).access, trace)) <= most <= len(trace) - len(set(trace))


@every
@few
@given(trace=traces)
def test_capacity_of_one(make: Make, trace: list[int]) -> None:
    """Whatever the policy, one place holds the last key."""
    repeats = sum(key == before for before, key in pairwise(trace))
    assert sum(map(make(1).access, trace)) == optimal(trace, 1) == repeats


# SIEVE's hand, S3-FIFO's queues, and what aging is -----------------------------------------


def test_the_hand_begins_anew_when_nobody_is_left_before_it() -> None:
    """If those before the hand are deleted, it comes to the oldest next, and not to a newcomer."""
    history = [("set", 0), ("set", 1), ("set", 2), ("get", 0), ("set", 3)]  # the hand is past 0
    assert play(SIEVE(3), history).keys() == [2, 3, 0]
    assert play(SIEVE(3), [*history, ("delete", 2), ("delete", 3), ("set", 4)]).keys() == [0, 4]


def s3fifo(*history: tuple[str, int]) -> Policy:
    """Return an S3-FIFO of ten, full: 0 in the small queue, 1 to 9 in the main one."""
    return play(S3FIFO(10), [*(("set", key) for key in range(10)), *history])


def test_the_main_queue_takes_what_overflows_at_first() -> None:
    """Until the first eviction; from then on newcomers enter the small queue, which gives first."""
    assert s3fifo(("set", 10)).keys() == [10, *range(1, 10)]
    assert s3fifo(("set", 10), ("delete", 5), ("set", 11)).keys() == [
        10,
        11,
        1,
        2,
        3,
        4,
        6,
        7,
        8,
        9,
    ]


def test_the_small_queue_has_one_place_at_least() -> None:
    """In a cache of less than ten too, the first to come must prove itself with two uses."""
    history = [*(("set", key) for key in range(5)), ("get", 0), ("set", 5)]
    assert 0 not in play(S3FIFO(5), history)


def test_a_ghost_comes_back_to_the_main_queue() -> None:
    """Who comes back soon after the eviction from the small queue is behind all others."""
    policy = s3fifo()
    assert policy.set(10) == [0]
    assert policy.set(0) == [10]
    assert policy.keys() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]


def test_there_are_nine_ghosts_of_ten() -> None:
    """The ninth eviction after one's own is remembered with it, the tenth is not."""
    newcomers = [("set", key) for key in range(10, 20)]  # each is evicted by the next
    remembered, forgotten = s3fifo(*newcomers[:9], ("set", 0)), s3fifo(*newcomers, ("set", 0))
    assert remembered.keys()[-1] == 0
    assert forgotten.keys()[0] == 0


def test_a_deleted_key_leaves_no_ghost() -> None:
    """It comes back as if it had never been there."""
    policy = s3fifo(("set", 10), ("delete", 10), ("set", 10))
    assert policy.keys()[0] == 10


@pytest.mark.parametrize(("uses", "proved"), [(0, False), (1, False), (2, True)])
def test_the_small_queue_keeps_who_was_used_twice(uses: int, proved: bool) -> None:
    """Then it moves to the main queue, as one that was not used there yet."""
    policy = s3fifo(*[("get", 0)] * uses, ("set", 10))
    assert (0 in policy) is proved
    assert (1 in policy) is not proved
    if proved:
        assert policy.keys() == [10, 2, 3, 4, 5, 6, 7, 8, 9, 0]


@pytest.mark.parametrize(
    ("uses", "others", "is_last"), [(0, 0, False), (1, 1, False), (2, 1, True), (9, 3, False)]
)
def test_the_main_queue_spares_up_to_three_times(uses: int, others: int, is_last: bool) -> None:
    """Each use is one more round of the queue; more than three are not counted."""
    policy = s3fifo(*[("get", 1)] * uses, *[("get", key) for key in range(2, 10)] * others)
    assert policy.keys() == ([0, *range(2, 10), 1] if is_last else list(range(10)))


def test_frequencies_have_no_bound() -> None:
    """A thousand uses are one more than 999."""
    history = [("set", 0), ("set", 1), *[("get", 0)] * 1_000, *[("get", 1)] * 999]
    assert play(LFU(2), history).keys() == [1, 0]


def test_aging_forgets() -> None:
    """Ten uses long ago weigh less than two of late; to plain LFU they never do."""
    history = [("set", 1), *[("get", 1)] * 10, ("set", 2), *[("get", 2)] * 30, ("delete", 2)]
    history += [("set", 3), ("get", 3)]
    assert play(LFU(3), history).keys() == [3, 1]
    assert play(AgedLFU(3, 5), history).keys() == [1, 3]


def test_a_half_life_is_that() -> None:
    """One use weighs less than two that are almost a half-life older, and more if they are older."""

    def order(between: int) -> list[Any]:
        history = [("set", 0), ("set", 1), ("get", 1), *[("get", 0)] * between, ("set", 2)]
        policy = play(AgedLFU(3, 8), [*history, ("delete", 0)])
        return policy.keys()

    assert order(6) == [2, 1]
    assert order(7) == [1, 2]


def test_weights_do_not_overflow() -> None:
    """After thousands of half-lives the order is still that of use."""
    policy = AgedLFU(3, 1)
    for now in range(5_000):
        policy.access(now % 2)
    policy.set(2)
    assert policy.keys() == [0, 1, 2]
    assert math.isfinite(policy._ranks[0][0])


# What is taken, and what is not ---------------------------------------------------------------


@every
def test_an_empty_cache(make: Make) -> None:
    """It holds nobody, and has nobody to give."""
    policy = make(3)
    assert (len(policy), policy.keys(), policy.delete(1), policy.get(1)) == (0, [], False, False)
    assert policy.resize(1) == []


@pytest.mark.parametrize("capacity", [0, -1, 1.5, True, "10", None, math.nan])
def test_bad_capacities(capacity: Any) -> None:
    """Wherever one is taken, one clear line says what was given."""
    takers: list[Callable[[], object]] = [
        *(lambda make=make: make(capacity) for make in (FIFO, LIFO, LRU, MRU, LFU, SIEVE, S3FIFO)),
        lambda: LRU(1).resize(capacity),
        lambda: AgedLFU(capacity, 10),
        lambda: optimal([1], capacity),
        lambda: che([1, 1], capacity),
    ]
    for take in takers:
        with pytest.raises(InvalidArgumentError) as caught:
            take()
        assert str(caught.value) == f"capacity={capacity!r}: takes a whole number, 1 or more"


@pytest.mark.parametrize("half_life", [0, -1, math.nan, math.inf, True, "5", None])
def test_bad_half_lives(half_life: Any) -> None:
    """One clear line says what was given."""
    with pytest.raises(InvalidArgumentError, match=f"^half_life={half_life!r}: takes uses"):
        AgedLFU(10, half_life)


def test_no_trace_has_no_hit_ratio() -> None:
    """One clear line says so."""
    with pytest.raises(InvalidArgumentError, match="the trace is empty"):
        hit_ratio(LRU, [], 10)
    with pytest.raises(InvalidArgumentError, match="the trace is empty"):
        curve([], [10])


def test_che_at_its_ends() -> None:
    """All alike hit by the share that fits; what fits whole always hits; others are refused."""
    assert che([3.0] * 50, 20) == pytest.approx((0.4, 0.4), abs=1e-4)
    assert che([5, 1], 2) == che([5, 1], 9) == (1, 1)
    for share in (0, -1, math.nan, math.inf):
        with pytest.raises(InvalidArgumentError, match=f"popularity {share}: takes numbers"):
            che([1, share], 1)


@pytest.mark.parametrize("workload", WORKLOADS)
def test_workloads_are_seeded(workload: str) -> None:
    """The same seed gives the same requests, as many as asked for; another gives others."""
    make = WORKLOADS[workload]
    assert make(500, 1) == make(500, 1) != make(500, 2)
    assert [len(make(n, 1)) for n in (0, 1, 500)] == [0, 1, 500]
