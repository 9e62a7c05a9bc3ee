"""What a session store sends, and what the replies mean. Pure, no I/O.

A session is a hash. Its own fields begin with "@": `@created` and `@ends` (milliseconds since
1970 by the server's clock), `@user` (encoded), `@tokens` (of the last changes); all others are
its data, each encoded on its own. It is alive if it has `@ends`: what was ended, or taken to
another slot, keeps a mark (`@dead`) for a minute, so that a call whose reply was lost can be
sent again. The key's expiry is the idle timeout, cut at `@ends`.
"""

import secrets
from collections.abc import Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Generic, TypeVar

from valkey_redis import scripts
from valkey_redis.codec import Codec
from valkey_redis.commands import Command, Lifetime, call, milliseconds
from valkey_redis.errors import CorruptValueError
from valkey_redis.session_data import Encoded, Shape
from valkey_redis.session_id import SessionKeys, User, handle_of, new_id, tag_for, tag_of

T = TypeVar("T")
R = TypeVar("R")
Steps = Generator[Command[Any], Any, R]
"""Commands to send one after the other; it is sent what each reply means, and returns."""
REMEMBERED = 60_000  # milliseconds that a mark is kept: much longer than a call is repeated


@dataclass(frozen=True, slots=True)
class Session(Generic[T]):
    """A session as it was when it was read; its repr shows neither the id nor the data.

    `id` is the secret that the browser keeps, "" where the store cannot know it (in a list).
    `handle` names the session and opens nothing: it may be shown, say beside "log out".
    `created_at` and `ends_at` are by the server's clock; at `ends_at` it ends in any case.
    `expires_in` is how many seconds were left if it is not used: a cookie's Max-Age.
    """

    id: str = field(repr=False)
    handle: str
    user: User | None
    data: T = field(repr=False)
    created_at: datetime
    ends_at: datetime
    expires_in: float


class Plan(Generic[T]):
    """The decisions of both faces; ids given here look like ids."""

    def __init__(
        self,
        keys: SessionKeys,
        shape: Shape[T],
        codec: Codec[Any],
        *,
        idle: Lifetime,
        absolute: Lifetime,
        is_cluster: bool,
        throw_on_parse: bool,
    ) -> None:
        self._keys, self._shape, self._codec = keys, shape, codec
        self._idle = milliseconds("idle_timeout", idle)
        self._absolute = milliseconds("absolute_timeout", absolute)
        self._is_cluster, self._throw_on_parse = is_cluster, throw_on_parse
        self._use = scripts.load("session_use")

    def create(self, user: User | None, data: Any) -> Command[Session[T] | None]:
        """Make a session under an id that nobody has seen."""
        encoded = self._shape.whole(data)
        id_ = new_id(None if user is None else tag_for(user))
        return self._make(id_, self._fields(encoded, user))

    def read(self, id_: str) -> Command[Session[T] | None]:
        """Read a session, and prolong it if it is time."""
        handle, key, index = self._keys.place(id_)
        # As `call` would, but this is what each request waits for.
        words = ("EVALSHA", self._use.sha, 2, key, index, handle, self._idle)
        return Command(words, partial(self._read, id_, handle), self._use, is_repeatable=True)

    def update(
        self, id_: str, changes: Mapping[str, Any], removed: Collection[str]
    ) -> Command[bool]:
        """Remove and set fields of a session, if there is one."""
        encoded = self._shape.part(changes, removed)
        handle, *keys = self._keys.place(id_)
        args = [handle, self._idle, _token(), len(removed), *removed]
        for item in encoded.items():
            args += item
        return call(self._use, keys, args, bool, is_repeatable=True)

    def rotate(self, id_: str, user: User | None) -> Steps[Session[T] | None]:
        """Move a session to a new id, in one step if both are in one slot."""
        tag = tag_of(id_) if user is None else tag_for(user)
        old, new_id_ = self._keys.place(id_), new_id(tag)
        new = self._keys.place(new_id_)
        if self._is_cluster and tag != tag_of(id_):
            found: list[bytes] = yield call(
                scripts.load("session_take"),
                (old.key, old.index_key),
                (old.handle, new.handle, REMEMBERED),
                _same,
                is_repeatable=True,
            )
            if not found:
                return None
            pairs = _pairs(found).items()
            data = {name.decode(): value for name, value in pairs if name[:1] != b"@"}
            made: Session[T] | None = yield self._make(new_id_, self._fields(data, user))
            return made
        moved: Session[T] | None = yield call(
            scripts.load("session_rotate"),
            (old.key, new.key, old.index_key, new.index_key),
            (
                old.handle,
                new.handle,
                self._idle,
                0 if user is None else self._absolute,
                "" if user is None else self._codec.encode(user),
            ),
            partial(self._read, new_id_, new.handle),
            is_repeatable=True,
        )
        return moved

    def destroy(self, id_: str) -> Command[bool]:
        """End one session."""
        return self._end(tag_of(id_), [handle_of(id_)], _first, _token(), name_others=False)

    def revoke(self, user: User, handle: str) -> Command[bool]:
        """End one session of a user."""
        return self._end(tag_for(user), [handle], _first, _token(), name_others=False)

    def destroy_user(self, user: User, kept: str) -> Steps[int]:
        """End all sessions of a user but one, until there is no other."""
        tag, token = tag_for(user), _token()
        ended: int = 0
        found: list[str] = []
        while True:
            # A session that was moved to another id meanwhile is among the others.
            count, others = yield self._end(tag, found, _counted, token, name_others=True)
            ended += count
            found = [handle for handle in others if handle != kept]
            if not found:
                return ended

    def list_user(self, user: User) -> Steps[list[Session[T]]]:
        """Read the sessions that a user has, the newest first."""
        tag = tag_for(user)
        found = yield self._list(tag, [])
        handles = [handle.decode() for handle in found[0]]
        if not handles:
            return []
        _, *replies = yield self._list(tag, handles)
        read = (self._read("", *item) for item in zip(handles, replies, strict=True))
        sessions = [session for session in read if session is not None]
        return sorted(sessions, key=lambda session: session.created_at, reverse=True)

    def _make(self, id_: str, fields: Encoded) -> Command[Session[T] | None]:
        handle, *keys = self._keys.place(id_)
        args: list[Any] = [handle, self._idle, self._absolute]
        for item in fields.items():
            args += item
        read = partial(self._read, id_, handle)
        return call(scripts.load("session_create"), keys, args, read, is_repeatable=True)

    def _fields(self, data: Encoded, user: User | None) -> Encoded:
        return data if user is None else {"@user": self._codec.encode(user), **data}

    def _end(
        self, tag: str, handles: list[str], read: Any, token: str, *, name_others: bool
    ) -> Command[Any]:
        keys = [self._keys.index(tag), *(self._keys.session(tag, handle) for handle in handles)]
        args = (token, REMEMBERED, int(name_others), *handles)
        return call(scripts.load("session_end"), keys, args, read, is_repeatable=True)

    def _list(self, tag: str, handles: list[str]) -> Command[list[Any]]:
        keys = [self._keys.index(tag), *(self._keys.session(tag, handle) for handle in handles)]
        return call(scripts.load("session_list"), keys, handles, _same, is_repeatable=True)

    def _read(self, id_: str, handle: str, reply: Sequence[Any]) -> Session[T] | None:
        """Return the session of a script's reply, None if there is none (or none that can be read)."""
        found = _pairs(reply)
        try:
            ends = found.pop(b"@ends", None)
            if ends is None:
                return None
            created, user = found.pop(b"@created"), found.pop(b"@user", None)
            found.pop(b"@tokens", None)
            return Session(
                id_,
                handle,
                None if user is None else self._codec.decode(user),
                self._shape.read(found),
                _moment(created),
                _moment(ends),
                reply[-1] / 1000,
            )
        except (CorruptValueError, KeyError, ValueError) as error:
            if self._throw_on_parse:
                raise CorruptValueError(f"session {handle[:8]}...: {error}") from None
            return None


def _pairs(flat: Sequence[bytes]) -> dict[bytes, bytes]:
    return dict(zip(flat[::2], flat[1::2], strict=False))  # what comes last, alone, is no name


def _moment(milliseconds_: bytes) -> datetime:
    return datetime.fromtimestamp(int(milliseconds_) / 1000, UTC)


def _token() -> str:
    return secrets.token_urlsafe(6)


def _first(reply: Any) -> bool:
    return bool(reply[0])


def _counted(reply: Any) -> tuple[int, list[str]]:
    return reply[0], [handle.decode() for handle in reply[1:]]


def _same(reply: Any) -> Any:
    return reply
