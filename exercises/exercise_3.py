"""Exercise 3: sessions.

Replace each `raise NotImplementedError` with your code, one task after the other, and
run `make exercise-3` as often as you like: it shows the first task that is not done.
Stuck? `make hint-3`. To read first: docs/sessions.md.

`client` is a connected valkey-py client that takes and returns text (`str`). You choose
the keys' names and types. Several clients run your functions at the same time, and any
of them may die between two commands. Times are in whole seconds, and by the server's clock
(`client.time()`, TIME in a script, and every expiry): those of your clients differ. A
session id comes from a browser, and so may be any text at all. A field's name begins with a
letter.
"""

import json
import secrets

from valkey import Valkey

# Task 1: create and read --------------------------------------------------------------


def create_session(
    client: Valkey, user_id: str, data: dict[str, str], *, idle: int, longest: int
) -> str:
    """Make a session with these fields, and the field `user`; return its id.

    The user is `user_id`, whatever `data` says; `data` itself stays as it is. Nobody can guess
    the id: 128 bits or more are drawn for it from the operating system. And nobody who sees
    what the server holds, its keys or its values, learns an id from it, nor finds another that
    works as well. A visitor who has not logged in has a session too: its user is "". Of the
    times, `idle` and `longest`, task 2 tells.
    """
    raise NotImplementedError


def read_session(client: Valkey, session_id: str) -> dict[str, str] | None:
    """Return all fields of a session, `user` among them; None if there is none.

    There is one only if create_session made it: whatever id a browser brings, nothing is
    ever made under it.
    """
    raise NotImplementedError


# Task 2: sliding expiry, with an end ---------------------------------------------------


def use_session(client: Valkey, session_id: str, idle: int) -> dict[str, str] | None:
    """Return what read_session does; and let the session live on, as it is used.

    A new session lives for `idle` seconds. A use gives it that long again, but only if less
    than half of it is left: most requests just look, and a write each would be too much.
    However often it is used, it is gone `longest` seconds after its creation. If it ends in
    the middle of this it does not come back. Never, not even if your client dies half-way,
    here or in create_session, is there a key without an expiry.
    """
    raise NotImplementedError


# Task 3: a new id at the login ---------------------------------------------------------


def log_in(client: Valkey, session_id: str, user_id: str) -> str | None:
    """Give the session to a user who has just proved who they are; return its new id.

    The old id is worth nothing from that moment on: somebody else may have planted it, and
    never, not even if your client dies half-way, does it open a session of the user's. The
    session may have had a user before, the same or another. Its fields stay, but for `user`;
    so do the times at which it ends, used or not. Return None, and make nothing, if there is
    no session. Of two who do this at once, one gets None.
    """
    raise NotImplementedError


# Task 4: one field, while others do; and the logout ------------------------------------


def set_field(client: Valkey, session_id: str, field: str, value: str) -> bool:
    """Set one field of a session; return False, and store nothing, if there is none.

    The other fields stay as they are, also when another request sets one of them at the same
    moment; so do the times at which the session ends. A request may be slow, and end after the
    user has logged out: what was ended stays ended.
    """
    raise NotImplementedError


def log_out(client: Valkey, session_id: str) -> None:
    """End a session: from now on there is none under this id."""
    raise NotImplementedError


# Task 5: all sessions of a user --------------------------------------------------------
# For these the functions above must keep note of whose session is where.


def list_sessions(client: Valkey, user_id: str) -> list[dict[str, str]]:
    """Return the fields of each session that a user has, in any order.

    Others may have a million sessions: do not look at them. Whatever you keep to find a
    user's sessions forgets those that are gone, by the next call of this at the latest, and
    lives as long as any of them, but not for ever.
    """
    raise NotImplementedError


def log_out_everywhere(client: Valkey, user_id: str, but: str | None = None) -> int:
    """End all sessions of a user, but the one with the id `but`; return how many that were.

    Also a session of theirs that gets a new id (by log_in) at the same moment; and those that
    a client had begun to end, here or in log_out, and died. `but` may be no session of theirs.
    """
    raise NotImplementedError


# Task 6: review this code --------------------------------------------------------------
# A session library that many use works like this, in a few lines: open_request is called
# before each request, close_request after it. It has more than one fault. Find them, and
# mend it: what the tasks above ask of a session and its id holds here, too.


def open_request(client: Valkey, cookie: str | None) -> tuple[str, dict[str, str]]:
    """Return the id and the fields of a visitor's session, of a new one if there is none.

    `cookie` is the id that the browser brings, None if it brings none; a new session's user
    is "". A session lives for half an hour after its last use, give or take a quarter, and
    for a day at most.
    """
    session_id = cookie or secrets.token_urlsafe(32)
    stored = client.get(f"session:{session_id}")
    return session_id, dict(json.loads(stored)) if stored else {"user": ""}


def close_request(
    client: Valkey, session_id: str, before: dict[str, str], after: dict[str, str]
) -> None:
    """Store what a request changed: it got the fields `before`, and leaves them as `after`.

    It removes none. The requests of one visitor may overlap, and one of them be a logout.
    """
    if before or after:
        client.set(f"session:{session_id}", json.dumps(after), ex=1800)


def end_session(client: Valkey, session_id: str) -> None:
    """End the session: a logout."""
    client.delete(f"session:{session_id}")
