"""Every interleaving of two limiters' clients: never over the limit, no key without an expiry."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.support.cachelab import of_bytes
from tests.support.limiters import DAY, FIVE, HOUR

from valkey_redis import (
    AsyncRateLimiter,
    AsyncValkeyClient,
    FixedWindow,
    RateLimiter,
    SlidingLog,
    ValkeyClient,
)
from valkey_redis.embedded import EmbeddedServer
from valkey_redis.limits import Policy
from workshop.interleave import explore
from workshop.lab import Lab, open_backend
from workshop.schedule import End, Explored

Note = Callable[[Explored], None]
Hits = list[tuple[Any, int]]  # subjects and costs, one after the other


@pytest.fixture(params=["fakeredis", "valkey"])
def lab(request: pytest.FixtureRequest, server: EmbeddedServer) -> Iterator[Lab]:
    """Yield a lab on fakeredis and on a real server."""
    with open_backend(request.param, f"{server.url}/5") as make:
        made = of_bytes(make())
        yield made
        made.close()


@pytest.fixture
def note(record_property: Callable[[str, object], None]) -> Note:
    """Return a function that records how much was explored, and refuses what was no race."""

    def note(explored: Explored) -> None:
        record_property("schedules", explored.schedules)
        print(explored)  # noqa: T201 - shown with -rP
        assert explored.schedules > 2

    return note


def explore_limits(
    lab: Lab, policies: list[Policy], scenes: list[Hits], check: Callable[[End], Any], face: str
) -> Explored:
    """Run every interleaving of clients that each make their hits, with and without a death."""
    slot = {"slot": "s"}

    def actor_of(hits: Hits) -> Callable[[Any], Any]:
        async def tasks(raw: Any) -> Any:
            limiter = AsyncRateLimiter(AsyncValkeyClient(raw=raw), *policies, **slot)
            return [(await limiter.hit(key, cost)).allowed * cost for key, cost in hits]

        def threads(raw: Any) -> Any:
            limiter = RateLimiter(ValkeyClient(raw=raw), *policies, **slot)
            return [limiter.hit(key, cost).allowed * cost for key, cost in hits]

        return tasks if face == "async" else threads

    def judge(end: End) -> None:
        assert lab.keys_without_expiry() == [], f"never expire: {lab.keys_without_expiry()}"
        check(end)

    # Else the first schedule would have more steps than the others, and the server forgets them.
    limiter = RateLimiter(ValkeyClient(raw=lab.connect("", None)), *policies, **slot)
    for hits in scenes:
        for key, _ in hits:
            limiter.client.raw.execute_command(
                "SCRIPT LOAD", limiter._request(key, 1, counts=True).by.script.source
            )
    explored = explore(
        lambda _: None, [actor_of(hits) for hits in scenes], judge, crashes=True, lab=lab
    )
    limiter.client.close()
    return explored


def admitted(end: End) -> int:
    """Return the cost of all that the living were admitted with."""
    return sum(sum(result) for result in end.results if result is not None)


@pytest.mark.parametrize(
    ("name", "face"), [*((name, "sync") for name in FIVE), ("gcra", "async"), ("log", "async")]
)
def test_two_are_never_over_the_limit(name: str, face: str, lab: Lab, note: Note) -> None:
    """In whatever order their calls come, and whoever dies; and what is free, somebody gets."""

    def check(end: End) -> None:
        if any(end.died):
            assert admitted(end) <= 5
        else:
            assert admitted(end) == 5

    scenes: list[Hits] = [[("k", 2), ("k", 1)], [("k", 2), ("k", 1)]]
    note(explore_limits(lab, [FIVE[name]], scenes, check, face))


def test_all_or_nothing_in_any_order(lab: Lab, note: Note) -> None:
    """Two limits, two subjects: nobody is counted by one and refused by the other."""
    token, address = FixedWindow(2, 30 * DAY, name="token"), SlidingLog(3, HOUR, name="address")
    left = RateLimiter(ValkeyClient(raw=lab.connect("", None)), token, address, slot="s")

    def check(end: End) -> None:
        assert admitted(end) <= 3
        if not any(end.died):
            assert admitted(end) == 3
            used = {name: 2 - left.peek({"token": name}).remaining for name in "ab"}
            assert used == {name: sum(end.results[i]) for i, name in enumerate("ab")}
            assert left.peek({"address": "ip"}).remaining == 0

    scenes: list[Hits] = [
        [({"token": name, "address": "ip"}, 1) for _ in range(3)] for name in ("a", "b")
    ]
    note(explore_limits(lab, [token, address], scenes, check, "sync"))
    left.client.close()
