"""Session ids: how they are drawn, told from others, and where their sessions lie. Pure, no I/O.

An id is 59 characters of URL-safe base64: a slot tag (16) and a secret (43, 256 bits). All
sessions of a user have one tag, so that in a cluster they and their index lie in one slot, and
an id alone tells where. The keys hold the SHA-256 of the id: who reads the server's memory, a
dump or a log of commands cannot act as anybody.
(https://cheatsheetseries.owasp.org/cheatsheets/Session_Management_Cheat_Sheet.html)
"""

import base64
import hashlib
import re
import secrets
from typing import NamedTuple, TypeGuard

from valkey_redis.errors import InvalidArgumentError
from valkey_redis.keys import Keys

User = str | int
"""Who is logged in; 7 and "7" are the same user."""
TAG, SECRET = 16, 43  # characters: 96 bits and 256
_ID = re.compile(rf"[A-Za-z0-9_-]{{{TAG + SECRET}}}")
_HANDLE = re.compile(r"[0-9a-f]{64}")


def is_id(given: object) -> TypeGuard[str]:
    """Return whether it looks like an id: whatever does not is never asked for."""
    return isinstance(given, str) and _ID.fullmatch(given) is not None


def is_handle(given: object) -> TypeGuard[str]:
    """Return whether it looks like a handle."""
    return isinstance(given, str) and _HANDLE.fullmatch(given) is not None


def handle_of(id_: str) -> str:
    """Return the id's SHA-256: it names a session, and opens none."""
    return hashlib.sha256(id_.encode()).hexdigest()


def tag_of(id_: str) -> str:
    """Return the id's slot tag."""
    return id_[:TAG]


def tag_for(user: User) -> str:
    """Return the slot tag of a user's sessions: 96 bits, so that no two users have the same.

    Raises InvalidArgumentError for what is neither text nor a whole number, and for "".
    """
    if isinstance(user, bool) or not isinstance(user, (str, int)) or user == "":
        raise InvalidArgumentError(f"user={user!r:.40}: takes text or a whole number")
    digest = hashlib.sha256(str(user).encode()).digest()
    return base64.urlsafe_b64encode(digest[: TAG * 6 // 8]).decode()


def new_id(tag: str | None = None) -> str:
    """Return a fresh id; without a tag, one of nobody's."""
    return (tag or secrets.token_urlsafe(TAG * 6 // 8)) + secrets.token_urlsafe(32)


class Place(NamedTuple):
    """Where a session lies: its handle, its key, and the key of its user's index."""

    handle: str
    key: str
    index_key: str


class SessionKeys:
    """The keys of one namespace's sessions: see the table in keys.py."""

    def __init__(self, namespace: str) -> None:
        keys = Keys(namespace)
        self._session, self._index = keys.key("session"), keys.key("sessions")

    def place(self, id_: str) -> Place:
        """Return where the session of an id lies."""
        tag, handle = id_[:TAG], handle_of(id_)
        return Place(handle, f"{self._session}:{{{tag}}}:{handle}", f"{self._index}:{{{tag}}}")

    def session(self, tag: str, handle: str) -> str:
        """Return the key of a session."""
        return f"{self._session}:{{{tag}}}:{handle}"

    def index(self, tag: str) -> str:
        """Return the key of a user's index."""
        return f"{self._index}:{{{tag}}}"
