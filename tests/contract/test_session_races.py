"""Every interleaving of what users do with a session: what was ended stays ended."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.support.cachelab import cluster_lab, of_bytes
from tests.support.sessions import USER, Operation, World, explore_sessions
from tests.support.things import Awaited

from valkey_redis.embedded import EmbeddedServer
from valkey_redis.embedded_cluster import EmbeddedCluster
from workshop.lab import Lab, open_backend
from workshop.schedule import Explored

Note = Callable[[Explored], None]


# What users do -----------------------------------------------------------------------------


async def request(store: Awaited, world: World) -> bool:
    """Read, work for a while, and write what came of it."""
    session = await store.read(world.id)
    if session is None:
        return False
    return bool(await store.update(world.id, {"n": 1}, remove=["old"]))


async def other_request(store: Awaited, world: World) -> bool:
    """Write another field."""
    return bool(await store.update(world.id, {"cart": 7}))


async def logout(store: Awaited, world: World) -> bool:
    """End the session."""
    return bool(await store.destroy(world.id))


async def revoked(store: Awaited, _world: World) -> bool:
    """End it from a list of sessions."""
    sessions = await store.list_user(USER)
    return any([await store.revoke(USER, session.handle) for session in sessions])


async def everywhere(store: Awaited, _world: World) -> bool:
    """End all sessions of the user."""
    return bool(await store.destroy_user(USER))


async def rotate(store: Awaited, world: World) -> bool:
    """Give it a new id."""
    session = await store.rotate(world.id)
    world.ids += [session.id] if session else []
    return session is not None


async def login(store: Awaited, world: World) -> bool:
    """Give it a new id, and to the user."""
    session = await store.rotate(world.id, USER)
    world.ids += [session.id] if session else []
    return session is not None


async def create(store: Awaited, world: World) -> bool:
    """Log in on another device."""
    world.made.append(await store.create(USER))
    return True


OPERATIONS: tuple[Operation, ...] = (
    request,
    other_request,
    logout,
    revoked,
    everywhere,
    rotate,
    login,
    create,
)
PAIRS = [
    pair
    for pair in itertools.combinations_with_replacement(OPERATIONS, 2)
    if pair not in {(create, create), (other_request, other_request)}  # no race
]
# On a real server: what ends or moves a session, against all others. The scripts are the same
# for tasks, and so is the order of their calls.
SOME = [pair for pair in PAIRS if {everywhere, rotate, logout} & set(pair)]
FEW = [pair for pair in PAIRS if rotate in pair]
# A login gives nobody's session to a user: another slot in a cluster.
NOBODYS = [pair for pair in PAIRS if login in pair and revoked not in pair]
THREES = [
    (request, rotate, logout),
    (request, rotate, everywhere),
    (rotate, rotate, everywhere),
    (login, create, everywhere),
]


def name_of(pair: Any) -> str:
    """Return a pair's name in a test's id."""
    return "-".join(operation.__name__ for operation in pair)


@pytest.fixture
def note(record_property: Callable[[str, object], None]) -> Note:
    """Return a function that records how much was explored."""

    def note(explored: Explored) -> None:
        record_property("schedules", explored.schedules)
        print(explored)  # noqa: T201 - shown with -rP
        assert explored.schedules >= 2

    return note


@pytest.fixture(scope="module")
def fake() -> Iterator[Lab]:
    """Return a lab on fakeredis."""
    with open_backend("fakeredis") as make:
        made = of_bytes(make())
        yield made
        made.close()


@pytest.fixture(scope="module")
def live(server: EmbeddedServer) -> Iterator[Lab]:
    """Return a lab on a real server."""
    with open_backend("valkey", f"{server.url}/5") as make:
        made = of_bytes(make())
        yield made
        made.close()


@pytest.mark.parametrize("pair", PAIRS, ids=name_of)
def test_what_was_ended_stays_ended(pair: list[Operation], fake: Lab, note: Note) -> None:
    """In whatever order the commands of two come, and whoever dies before any of them.

    No two ids are valid, no update is lost, every key expires, and the list names what there is.
    """
    note(explore_sessions(fake, pair))


@pytest.mark.parametrize("pair", SOME, ids=name_of)
def test_what_was_ended_stays_ended_on_a_server(
    pair: list[Operation], live: Lab, note: Note
) -> None:
    """The same on a real one."""
    note(explore_sessions(live, pair))


@pytest.mark.parametrize("pair", FEW, ids=name_of)
def test_what_was_ended_by_tasks_stays_ended(pair: list[Operation], fake: Lab, note: Note) -> None:
    """The same by the asyncio face."""
    note(explore_sessions(fake, pair, face="async"))


@pytest.mark.parametrize("pair", NOBODYS, ids=name_of)
def test_a_login_leaves_one_id(pair: list[Operation], fake: Lab, live: Lab, note: Note) -> None:
    """The same with a session of nobody's, which a login gives to a user."""
    note(explore_sessions(fake, pair, user=None))
    note(explore_sessions(live, pair, user=None))


@pytest.mark.parametrize("three", THREES, ids=name_of)
def test_three_leave_what_was_ended(three: list[Operation], fake: Lab, note: Note) -> None:
    """The same with three at once."""
    note(explore_sessions(fake, three))


def test_a_cluster_leaves_what_was_ended(cluster: EmbeddedCluster, note: Note) -> None:
    """The same on a real cluster, where a login moves a session to another slot in two steps."""
    lab = of_bytes(cluster_lab(cluster.config))
    for pair in ((request, rotate), (rotate, everywhere)):
        note(explore_sessions(lab, pair))
    for pair in ((login, logout), (login, login), (login, request), (login, everywhere)):
        note(explore_sessions(lab, pair, user=None))
    lab.close()
