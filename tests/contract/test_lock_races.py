"""Every interleaving of those who want a lock: never two owners, fences grow, nobody waits for ever."""

from collections.abc import Callable, Iterator

import pytest
from tests.support.cachelab import of_bytes
from tests.support.locklab import (
    Resource,
    Want,
    be_deaf,
    be_interrupted,
    dawdle,
    explore_lock,
    give_back,
    give_up,
    glance,
    prolong,
    queue_up,
    use,
)

from valkey_redis.embedded import EmbeddedServer
from workshop.lab import Lab, open_backend
from workshop.schedule import End, Explored

Note = Callable[[Explored], None]
SCENES: dict[str, list[Want]] = {
    "two want it": [use, use],
    "one is slow to use it": [dawdle, use],
    "one extends it": [prolong, use],
    "one hears nothing": [give_back, be_deaf],
    "one gives up": [give_back, give_up],
    "one does not wait": [use, glance],
    "one is interrupted": [give_back, be_interrupted],
}
SCENES_OF_THREE: dict[str, tuple[list[Want], bool]] = {
    "two wait": ([give_back, queue_up, queue_up], False),
    "one waits, one does not": ([give_back, queue_up, glance], True),
}


@pytest.fixture(params=["fakeredis", "valkey"])
def lab(request: pytest.FixtureRequest, server: EmbeddedServer) -> Iterator[Lab]:
    """Yield a lab on fakeredis and on a real server."""
    with open_backend(request.param, f"{server.url}/5") as make:
        made = of_bytes(make())
        yield made
        made.close()


@pytest.fixture
def fake_lab() -> Iterator[Lab]:
    """Yield a lab on fakeredis, whose clock is the exploration's."""
    with open_backend("fakeredis") as make:
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


@pytest.mark.parametrize("scene", SCENES)
def test_never_two_owners(scene: str, lab: Lab, note: Note) -> None:
    """In whatever order the commands of two come, however slow they are, and whoever dies."""
    note(explore_lock(lab, SCENES[scene], crashes=True))


@pytest.mark.parametrize("scene", SCENES_OF_THREE)
def test_never_two_owners_of_three(scene: str, fake_lab: Lab, note: Note) -> None:
    """The same with three; a live server's clock runs on, so that no state would come twice."""
    wants, crashes = SCENES_OF_THREE[scene]
    note(explore_lock(fake_lab, wants, crashes=crashes))


def test_everybody_is_served(fake_lab: Lab, note: Note) -> None:
    """Who waits without a deadline has the lock in the end, unless it dies."""

    def served(end: End, resource: Resource) -> None:
        for result, died in zip(end.results, end.died, strict=True):
            assert died or result in {"used", "lost"}
        assert len(resource.fences) + resource.refused >= 2 - sum(end.died)

    note(explore_lock(fake_lab, [use, use], served, crashes=True))


def test_who_is_too_late_is_refused_by_its_fence(fake_lab: Lab, note: Note) -> None:
    """A holder that comes to the resource after its lease, and after another, has the older fence."""
    refused = []

    def count(_end: End, resource: Resource) -> None:
        refused.append(resource.refused)

    note(explore_lock(fake_lab, [dawdle, use], count))
    assert max(refused) == 1
