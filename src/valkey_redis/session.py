"""Sessions of users: `SessionStore` and `AsyncSessionStore`."""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, Generic, TypeVar, overload

from valkey_redis.client import AsyncValkeyClient, ValkeyClient
from valkey_redis.codec import JSON, Codec
from valkey_redis.commands import Lifetime
from valkey_redis.errors import InvalidArgumentError
from valkey_redis.session_data import Modelled, Plain
from valkey_redis.session_id import SessionKeys, User, handle_of, is_handle, is_id
from valkey_redis.session_plan import Plan, Session, Steps

T = TypeVar("T")
R = TypeVar("R")
C = TypeVar("C", ValkeyClient, AsyncValkeyClient)
NOTHING: Mapping[str, Any] = MappingProxyType({})


class _Store(Generic[T, C]):
    """The settings of both faces; see `SessionStore`."""

    @overload
    def __init__(
        self: "_Store[dict[str, Any], C]",
        client: C,
        *,
        namespace: str = ...,
        idle_timeout: Lifetime = ...,
        absolute_timeout: Lifetime = ...,
        model: None = ...,
        codec: Codec[Any] = ...,
        throw_on_parse: bool = ...,
    ) -> None: ...

    @overload
    def __init__(
        self,
        client: C,
        *,
        namespace: str = ...,
        idle_timeout: Lifetime = ...,
        absolute_timeout: Lifetime = ...,
        model: type[T],
        codec: Codec[Any] = ...,
        throw_on_parse: bool = ...,
    ) -> None: ...

    def __init__(
        self,
        client: C,
        *,
        namespace: str = "app",
        idle_timeout: Lifetime = 1800,
        absolute_timeout: Lifetime = 86_400,
        model: Any = None,
        codec: Codec[Any] = JSON,
        throw_on_parse: bool = False,
    ) -> None:
        pool = getattr(client.raw, "connection_pool", None)
        if getattr(pool, "connection_kwargs", {}).get("decode_responses"):
            raise InvalidArgumentError(
                "client: a session store takes one that returns bytes, not decode_responses=True"
            )
        self.client: C = client
        self._namespace = namespace
        self._plan: Plan[T] = Plan(
            SessionKeys(namespace),
            Plain(codec) if model is None else Modelled(model, codec),  # type: ignore[arg-type]  # T is as the overloads say
            codec,
            idle=idle_timeout,
            absolute=absolute_timeout,
            is_cluster=client.is_cluster,
            throw_on_parse=throw_on_parse,
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.client!r}, namespace={self._namespace!r})"


class SessionStore(_Store[T, ValkeyClient]):
    """Sessions with ids that cannot be guessed, two ends in time, and fields that are changed alone.

    A session ends `idle_timeout` after its last use, and `absolute_timeout` after its creation
    in any case (seconds or timedeltas, by the server's clock). A use prolongs it only when half
    of the idle time is over, so that most reads write nothing; it may end after a pause of so
    long, therefore. Its data is a dict of what `codec` takes, or a pydantic `model`; each field
    is encoded on its own, by an `EncryptedCodec` too. Fields that cannot be read make no
    session, or CorruptValueError with `throw_on_parse`.

    Nothing is ever made under an id that a client brings. An id that is none (None, bytes, too
    long, forged) is unknown at once. The store fails closed: methods raise as the client's do,
    and a server that is away knows nobody. In a cluster a primary's death may lose what it was
    told in its last moments: docs/sessions.md says what that means for a logout.
    """

    def create(self, user: User | None = None, data: Any = None) -> Session[T]:
        """Make a session, of a user or of nobody yet; give its id to the browser, and to no log."""
        return _made(self.client.send(self._plan.create(user, data)))

    def read(self, id_: str | None) -> Session[T] | None:
        """Return the session, None if there is none; this counts as a use. One round trip."""
        if not is_id(id_):
            return None
        return self.client.send(self._plan.read(id_))

    def update(
        self,
        id_: str | None,
        fields: Mapping[str, Any] = NOTHING,
        *,
        remove: Collection[str] = (),
    ) -> bool:
        """Set some fields, remove others, leave all others as they are; this counts as a use.

        Return False, and store nothing, if there is no such session (any more).
        """
        command = self._plan.update(id_ if is_id(id_) else "", fields, remove)
        return is_id(id_) and self.client.send(command)

    def rotate(self, id_: str | None, user: User | None = None) -> Session[T] | None:
        """Give the session a new id; the old one is dead at once. Return it, None if there is none.

        Rotate whenever somebody gains rights. With `user`, who has just logged in, it is theirs
        from now on, and its absolute end is counted anew. Of two who rotate one id, one gets
        None: that is no reason to take the other's cookie away.
        """
        if not is_id(id_):
            return None
        return self._run(self._plan.rotate(id_, user))

    def destroy(self, id_: str | None) -> bool:
        """End the session (a logout); return whether there was one."""
        return is_id(id_) and self.client.send(self._plan.destroy(id_))

    def list_user(self, user: User) -> list[Session[T]]:
        """Return the user's sessions, the newest first, without their ids; this is no use of them."""
        return self._run(self._plan.list_user(user))

    def revoke(self, user: User, handle: str) -> bool:
        """End one session of a list; return whether the user had it."""
        return is_handle(handle) and self.client.send(self._plan.revoke(user, handle))

    def destroy_user(self, user: User, keep: str | None = None) -> int:
        """End all sessions of a user, but the one with the id `keep`; return how many there were.

        Also one that is being rotated at this moment. Who logs in afterwards has a session again.
        """
        kept = handle_of(keep) if keep is not None and is_id(keep) else ""
        return self._run(self._plan.destroy_user(user, kept))

    def _run(self, steps: Steps[R]) -> R:
        try:
            command = next(steps)
            while True:
                command = steps.send(self.client.send(command))
        except StopIteration as end:
            value: R = end.value
            return value


class AsyncSessionStore(_Store[T, AsyncValkeyClient]):
    """The asyncio face of `SessionStore`."""

    async def create(self, user: User | None = None, data: Any = None) -> Session[T]:
        """Make a session, of a user or of nobody yet; give its id to the browser, and to no log."""
        return _made(await self.client.send(self._plan.create(user, data)))

    async def read(self, id_: str | None) -> Session[T] | None:
        """Return the session, None if there is none; this counts as a use. One round trip."""
        if not is_id(id_):
            return None
        return await self.client.send(self._plan.read(id_))

    async def update(
        self,
        id_: str | None,
        fields: Mapping[str, Any] = NOTHING,
        *,
        remove: Collection[str] = (),
    ) -> bool:
        """Set some fields, remove others, leave all others as they are; this counts as a use.

        Return False, and store nothing, if there is no such session (any more).
        """
        command = self._plan.update(id_ if is_id(id_) else "", fields, remove)
        return is_id(id_) and await self.client.send(command)

    async def rotate(self, id_: str | None, user: User | None = None) -> Session[T] | None:
        """Give the session a new id; the old one is dead at once. Return it, None if there is none.

        Rotate whenever somebody gains rights. With `user`, who has just logged in, it is theirs
        from now on, and its absolute end is counted anew. Of two who rotate one id, one gets
        None: that is no reason to take the other's cookie away.
        """
        if not is_id(id_):
            return None
        return await self._run(self._plan.rotate(id_, user))

    async def destroy(self, id_: str | None) -> bool:
        """End the session (a logout); return whether there was one."""
        return is_id(id_) and await self.client.send(self._plan.destroy(id_))

    async def list_user(self, user: User) -> list[Session[T]]:
        """Return the user's sessions, the newest first, without their ids; this is no use of them."""
        return await self._run(self._plan.list_user(user))

    async def revoke(self, user: User, handle: str) -> bool:
        """End one session of a list; return whether the user had it."""
        return is_handle(handle) and await self.client.send(self._plan.revoke(user, handle))

    async def destroy_user(self, user: User, keep: str | None = None) -> int:
        """End all sessions of a user, but the one with the id `keep`; return how many there were.

        Also one that is being rotated at this moment. Who logs in afterwards has a session again.
        """
        kept = handle_of(keep) if keep is not None and is_id(keep) else ""
        return await self._run(self._plan.destroy_user(user, kept))

    async def _run(self, steps: Steps[R]) -> R:
        try:
            command = next(steps)
            while True:
                command = steps.send(await self.client.send(command))
        except StopIteration as end:
            value: R = end.value
            return value


def _made(session: Session[T] | None) -> Session[T]:
    if session is None:
        raise InvalidArgumentError("codec: does not bring back what it encoded")
    return session
