"""Session stores with one way to call them, and explorations of what their users do at once."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from tests.support.cachelab import finish
from tests.support.faces import AwaitableClient
from tests.support.things import Awaited

from valkey_redis import AsyncSessionStore, AsyncValkeyClient, Session, SessionStore, ValkeyClient
from valkey_redis.scripts import load
from workshop.interleave import explore
from workshop.lab import Lab
from workshop.schedule import Explored

SCRIPTS = ("create", "use", "rotate", "take", "end", "list")
USER = "ada"


def sessions_of(client: Any, **settings: Any) -> Awaited:
    """Return a store of a client whose methods are awaited."""
    if isinstance(client, AwaitableClient):
        return Awaited(SessionStore(client.sync, **settings), is_async=False)
    return Awaited(AsyncSessionStore(client, **settings), is_async=True)


class World:
    """A session, what its users did with it, and in which order that began and ended."""

    def __init__(self, user: str | None) -> None:
        self.user = user
        self.begin("")

    def begin(self, id_: str) -> None:
        """Forget what was; the session has this id."""
        self.id = id_
        self.log: list[str] = []
        self.made: list[Session[Any]] = []  # by create
        self.ids = [id_]  # the session's, one after the other

    def state(self) -> tuple[Any, ...]:
        """Return all that differs from one moment to another."""
        return tuple(self.log), tuple(self.ids), tuple(session.id for session in self.made)


Operation = Callable[[Awaited, World], Awaitable[Any]]


def noted(operation: Operation) -> Operation:
    """Return the operation, noting when it began and ended, and whether it did anything."""
    name = operation.__name__

    async def note(store: Awaited, world: World) -> Any:
        world.log.append(f"{name} begins")
        made = await operation(store, world)
        world.log.append(f"{name} did" if made else f"{name} did nothing")
        return made

    return note


def explore_sessions(
    lab: Lab,
    operations: Sequence[Operation],
    *,
    user: str | None = USER,
    face: str = "sync",
    crashes: bool = True,
) -> Explored:
    """Run every interleaving of operations on one session; `holds` judges each end."""
    world = World(user)
    raw = lab.connect("", None)
    store = SessionStore(ValkeyClient(raw=raw))
    for name in SCRIPTS:  # else the first schedule has more steps than the others
        raw.script_load(load(f"session_{name}").source)

    def setup(_: Any) -> None:
        world.begin(store.create(user, {"n": 0, "old": 1}).id)

    actors = [_actor(noted(operation), world, face) for operation in operations]
    try:
        return explore(
            setup,
            actors,
            lambda _: holds(lab, world, store),
            crashes=crashes,
            lab=lab,
            outside=world.state,
        )
    finally:
        raw.close()


def _actor(operation: Operation, world: World, face: str) -> Callable[[Any], Any]:
    if face == "async":

        async def act(raw: Any) -> None:
            own = AsyncSessionStore(AsyncValkeyClient(raw=raw))
            await operation(Awaited(own, is_async=True), world)

        return act

    def act_at_once(raw: Any) -> None:
        own = SessionStore(ValkeyClient(raw=raw))
        finish(operation(Awaited(own, is_async=False), world))

    return act_at_once


def holds(lab: Lab, world: World, store: SessionStore[Any]) -> None:
    """Assert what holds whatever happened: see the messages."""
    immortal = lab.keys_without_expiry()
    assert immortal == [], f"never expire: {immortal}"
    log, alive = world.log, [id_ for id_ in world.ids if store.read(id_) is not None]
    assert len(alive) <= 1, "two ids of one session are valid"
    if {"logout did", "revoked did"} & set(log):
        assert alive == [], "a logout was undone"
    if {"everywhere did", "everywhere did nothing"} & set(log):
        began = log.index("everywhere begins")
        # Nobody's session may become this user's in the meantime, by a login.
        assert alive == [] or (world.user is None and "login did" in log[began:]), (
            "a session survived the end of all"
        )
        if "create did" in log[:began]:
            assert store.read(world.made[0].id) is None, "a session survived the end of all"
    found = store.read(alive[0]) if alive else None
    if found is not None:
        data = {"n": 0, "old": 1}
        if "request did" in log:
            data = {"n": 1}
        if "other_request did" in log:
            data["cart"] = 7
        assert found.data == data, f"an update was lost: {found.data}"
    ids = [*alive, *(session.id for session in world.made)]
    sessions = [session for session in map(store.read, ids) if session is not None]
    wanted = {session.handle for session in sessions if session.user == USER}
    # It may have one more, made by somebody who died before hearing of it.
    listed = [session.handle for session in store.list_user(USER)]
    assert wanted <= set(listed), "a session is not in the list"
    for handle in listed:
        assert store.revoke(USER, handle), "the list names a session that is gone"
    assert store.list_user(USER) == []
