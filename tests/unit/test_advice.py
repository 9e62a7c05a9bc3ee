"""What a list of keys is told: which policy, why, and in which words."""

from collections.abc import Sequence
from typing import Any

import pytest

from valkey_redis import InvalidArgumentError
from valkey_redis.simulate import POLICIES, WORKLOADS, hit_ratio, optimal, recommend

N = 6_000  # requests


def words(trace: Sequence[int], capacity: int) -> str:
    """Return the recommendation's sentences as one text."""
    return " ".join(recommend(trace, capacity).because)


def test_the_best_where_lru_is_behind() -> None:
    """The policy with the most hits is named, with its lead over LRU, and what memory would give."""
    trace = WORKLOADS["zipf"](N, 42)
    ratios = {name: hit_ratio(make, trace, 200) for name, make in POLICIES.items()}
    best = max(ratios, key=ratios.__getitem__)
    advice = recommend(trace, 200)
    assert advice.policy == best == "S3-FIFO"
    doubled = hit_ratio(POLICIES[best], trace, 400)
    most = optimal(trace, 200) / N
    left = f"{100 * (most - ratios[best]):.1f}"
    assert advice.because == (
        f"It has {ratios[best]:.1%}: {100 * (ratios[best] - ratios['LRU']):.1f} points more than LRU.",
        f"OPT, knowing the future, has {most:.1%}: another policy adds {left} points at most.",
        f"Twice the capacity adds {100 * (doubled - ratios[best]):.1f} points.",
    )


def test_lru_where_it_is_the_best() -> None:
    """Of the equally good it is LRU too."""
    assert recommend(WORKLOADS["bursts"](N, 42), 500).policy == "LRU"
    assert "It has the most hits, 50.0%" in words([1, 1, 2, 2, 3, 3], 1)


def test_lru_where_it_is_within_a_point() -> None:
    """What the server has is taken before a gain of less than a point."""
    loop = list(range(11)) * 10  # 81 hits for MRU, none for LRU
    near, far = [0] * 9_900 + loop, [0] * 5_000 + loop
    assert recommend(near, 10).policy == "LRU"
    assert "MRU has 99.8%, but LRU is what the server has." in words(near, 10)
    assert recommend(far, 10).policy == "MRU"


def test_memory_where_no_policy_helps() -> None:
    """Close to the ceiling, memory adds more than any policy could, and it says so."""
    said = words(list(range(11)) * 10, 10)
    assert "another policy adds 0.0 points at most." in said
    assert said.endswith("Twice the capacity adds 8.2 points, more than any policy could.")
    assert "more than" not in words(WORKLOADS["zipf"](N, 42), 200).partition("Twice")[2]


def test_all_of_it_fits() -> None:
    """With room for every key there is nothing to choose."""
    advice = recommend([1, 2, 3, 1, 2, 3], 3)
    assert advice.policy == "LRU"
    assert advice.because == ("All 3 keys fit: nothing is ever evicted, by any policy.",)


def test_the_table() -> None:
    """Hits in percent for each policy and OPT, from a quarter of the capacity to four times of it."""
    trace = WORKLOADS["zipf"](N, 42)
    advice = recommend(trace, 1_000)
    lines = advice.lines()
    assert lines[0] == f"6,000 requests for {len(set(trace)):,} keys."
    assert lines[1].startswith(f"{len(set(trace)) / N:.1%} of them")
    assert lines[4].split() == ["250", "500", "1,000", "2,000", "4,000"]
    rows = {line[:9].strip(): line[9:].split() for line in lines[5:14]}
    assert list(rows) == [*POLICIES, "OPT"]
    for name, cells in rows.items():
        assert cells == [f"{100 * ratio:.1f}" for ratio in advice.ratios[name]]
    assert rows["LRU"][2] == f"{100 * hit_ratio(POLICIES['LRU'], trace, 1_000):.1f}"
    assert lines[15] == f"At a capacity of 1,000: {advice.policy}."
    assert max(map(len, lines)) <= 80


def test_one_place() -> None:
    """A capacity of one has no half: the table begins with it."""
    assert recommend([1, 2, 1, 1], 1).capacities == (1, 2, 4)


@pytest.mark.parametrize(
    ("trace", "capacity", "text"),
    [([], 10, "the trace is empty"), ([1], 0, "capacity=0"), ([1], "1", "capacity='1'")],
)
def test_bad_input(trace: list[int], capacity: Any, text: str) -> None:
    """One clear line says what was given."""
    with pytest.raises(InvalidArgumentError, match=text):
        recommend(trace, capacity)
