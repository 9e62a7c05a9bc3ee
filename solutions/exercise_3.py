"""Exercise 3: sessions. One good solution; others pass too."""

import hashlib
import secrets

from valkey import Valkey, WatchError

IDLE, LONGEST = 1800, 86_400  # seconds, of task 6


class Keys:
    """Where things lie, and what of a session's fields is the caller's.

    A session is a hash under the SHA-256 of its id: what the server holds opens nothing. Its
    fields are the caller's, and "@ends", when it ends in any case. A user's sessions are a set.
    """

    @staticmethod
    def session(session_id: str) -> str:
        """Return where a session lies."""
        return "session:" + hashlib.sha256(session_id.encode()).hexdigest()

    @staticmethod
    def index(user_id: str) -> str:
        """Return where the keys of a user's sessions are."""
        return f"sessions:{user_id}"

    @staticmethod
    def fields(found: dict[str, str]) -> dict[str, str] | None:
        """Return the caller's fields; None if there are none at all."""
        return {name: text for name, text in found.items() if name[:1] != "@"} or None


def create_session(
    client: Valkey, user_id: str, data: dict[str, str], *, idle: int, longest: int
) -> str:
    """Make a session and return its id."""
    session_id = secrets.token_urlsafe(32)
    key, index = Keys.session(session_id), Keys.index(user_id)
    ends = client.time()[0] + longest
    # One transaction: a client that dies half-way leaves no session that never ends.
    pipe = client.pipeline(transaction=True)
    pipe.hset(key, mapping={**data, "user": user_id, "@ends": ends})
    pipe.expireat(key, min(ends, ends - longest + idle))
    if user_id:
        pipe.sadd(index, key)
        # NX where it has no expiry yet, GT where it has a shorter one: it lives as long as any.
        pipe.expireat(index, ends, nx=True)
        pipe.expireat(index, ends, gt=True)
    pipe.execute()
    return session_id


def read_session(client: Valkey, session_id: str) -> dict[str, str] | None:
    """Return the session's fields."""
    return Keys.fields(client.hgetall(Keys.session(session_id)))


USE = """
local ends = redis.call('HGET', KEYS[1], '@ends')
if not ends then return {} end
local left = redis.call('TTL', KEYS[1])
if left < ARGV[1] / 2 then
    local more = math.min(ARGV[1], ends - redis.call('TIME')[1])
    if more > left then redis.call('EXPIRE', KEYS[1], more) end
end
return redis.call('HGETALL', KEYS[1])
"""


def use_session(client: Valkey, session_id: str, idle: int) -> dict[str, str] | None:
    """Return the session's fields, and prolong it if it is time."""
    found = client.eval(USE, 1, Keys.session(session_id), idle)
    return Keys.fields(dict(zip(found[::2], found[1::2], strict=True)))


LOG_IN = """
local ends = redis.call('HGET', KEYS[1], '@ends')
if not ends then return 0 end
redis.call('RENAME', KEYS[1], KEYS[2])
redis.call('HSET', KEYS[2], 'user', ARGV[1])
redis.call('SADD', KEYS[3], KEYS[2])
redis.call('EXPIREAT', KEYS[3], ends, 'NX')
redis.call('EXPIREAT', KEYS[3], ends, 'GT')
return 1
"""


def log_in(client: Valkey, session_id: str, user_id: str) -> str | None:
    """Give the session to the user, under a new id."""
    new_id = secrets.token_urlsafe(32)
    # In one step: there is never a moment, nor a crash, with two ids that are valid. RENAME
    # keeps the expiry. The old key stays in the index, whose reader drops what is gone.
    keys = Keys.session(session_id), Keys.session(new_id), Keys.index(user_id)
    return new_id if client.eval(LOG_IN, len(keys), *keys, user_id) else None


def set_field(client: Valkey, session_id: str, field: str, value: str) -> bool:
    """Set one field of a session that there is."""
    # HSET alone would make the session anew after a logout.
    script = (
        "if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end "
        "redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) return 1"
    )
    return bool(client.eval(script, 1, Keys.session(session_id), field, value))


def log_out(client: Valkey, session_id: str) -> None:
    """End a session."""
    client.unlink(Keys.session(session_id))


def list_sessions(client: Valkey, user_id: str) -> list[dict[str, str]]:
    """Return the fields of each of the user's sessions."""
    index = Keys.index(user_id)
    keys = list(client.smembers(index))
    pipe = client.pipeline(transaction=False)
    for key in keys:
        pipe.hgetall(key)
    found = dict(zip(keys, map(Keys.fields, pipe.execute()), strict=True))
    gone = [key for key, fields in found.items() if fields is None]
    if gone:  # expired, or ended: a key never comes back
        client.srem(index, *gone)
    return [fields for fields in found.values() if fields is not None]


def log_out_everywhere(client: Valkey, user_id: str, but: str | None = None) -> int:
    """End all sessions of a user but one."""
    index, kept = Keys.index(user_id), Keys.session(but) if but is not None else ""
    while True:
        with client.pipeline() as pipe:
            # A login between the two steps makes another key: then all is done once more.
            pipe.watch(index)
            keys = [key for key in pipe.smembers(index) if key != kept]
            pipe.multi()
            for key in keys:
                pipe.unlink(key)
                pipe.srem(index, key)
            try:
                return sum(pipe.execute()[::2])
            except WatchError:
                continue


def open_request(client: Valkey, cookie: str | None) -> tuple[str, dict[str, str]]:
    """Return the visitor's session, or a new one."""
    if cookie is not None:
        found = client.eval(USE, 1, Keys.session(cookie), IDLE)
        fields = Keys.fields(dict(zip(found[::2], found[1::2], strict=True)))
        if fields is not None:
            return cookie, fields
    session_id = create_session(client, "", {}, idle=IDLE, longest=LONGEST)
    return session_id, {"user": ""}


CHANGE = """
if redis.call('EXISTS', KEYS[1]) == 0 then return end
for i = 1, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
"""


def close_request(
    client: Valkey, session_id: str, before: dict[str, str], after: dict[str, str]
) -> None:
    """Store what the request changed."""
    changed = {name: text for name, text in after.items() if before.get(name) != text}
    if changed:
        words = [word for pair in changed.items() for word in pair]
        client.eval(CHANGE, 1, Keys.session(session_id), *words)


def end_session(client: Valkey, session_id: str) -> None:
    """End the session."""
    log_out(client, session_id)
