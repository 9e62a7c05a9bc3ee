"""The five classic races, as a learner would write them, and the versions that are right."""

import random
import time
from contextlib import suppress
from typing import Any

from valkey import WatchError

from workshop.interleave import step
from workshop.schedule import End

DATABASE: dict[str, str] = {}
RELEASE = (
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"
)


def nothing(_server: Any) -> None:
    """Begin with an empty server."""


# 1. GET + SET counter ------------------------------------------------------------------


def count_by_get_and_set(client: Any) -> None:
    client.set("n", int(client.get("n") or 0) + 1)


def count_by_incr(client: Any) -> None:
    client.incr("n")


def count_by_watch(client: Any) -> None:
    client.transaction(
        lambda pipe: (value := int(pipe.get("n") or 0), pipe.multi(), pipe.set("n", value + 1)), "n"
    )


def both_count(end: End) -> None:
    assert end.server.get("n") == "2", f"two visits, counted as {end.server.get('n')}"


# 2. INCR then EXPIRE -------------------------------------------------------------------


def incr_then_expire(client: Any) -> None:
    if client.incr("n") == 1:
        client.expire("n", 60)


def incr_and_expire(client: Any) -> None:
    client.pipeline(transaction=True).set("n", 0, ex=60, nx=True).incr("n").execute()


def counter_expires(end: End) -> None:
    assert end.server.ttl("n") != -1, "the counter never expires"


# 3. SETNX then EXPIRE ------------------------------------------------------------------


def setnx_then_expire(client: Any) -> None:
    if client.setnx("lock", "me"):
        client.expire("lock", 10)
        client.delete("lock")


def set_nx_ex(client: Any) -> None:
    token = f"{random.getrandbits(64):x}"  # drawn anew, and yet the same in every replay
    if client.set("lock", token, nx=True, ex=10):
        client.eval(RELEASE, 1, "lock", token)


def lock_expires(end: End) -> None:
    assert end.server.ttl("lock") != -1, "locked for ever"


# 4. GET-then-DEL release ---------------------------------------------------------------


def a_holds_the_lock(server: Any) -> None:
    server.set("lock", "A", ex=3)


def release_by_get_and_del(client: Any) -> None:
    if client.get("lock") == "A":
        client.delete("lock")


def release_by_script(client: Any) -> None:
    client.eval(RELEASE, 1, "lock", "A")


def wait_for_the_lock(client: Any) -> str:
    while not client.set("lock", "B", nx=True, ex=10):
        time.sleep(1)
    return "holds the lock"


def b_has_the_lock(end: End) -> None:
    assert end.server.get("lock") == "B", "B holds the lock, and the server has forgotten it"


# 5. Stale set after delete -------------------------------------------------------------


def old_row(_server: Any) -> None:
    DATABASE.clear()
    DATABASE["7"] = "old"


def rows() -> dict[str, str]:
    return DATABASE


def read_through(client: Any) -> str:
    value = client.get("user:7")
    if value is None:
        value = step("database: read", lambda: DATABASE["7"])
        client.set("user:7", value, ex=60)
    return str(value)


def read_through_fenced(client: Any) -> str:
    with client.pipeline() as pipe:
        pipe.watch("user:7", "version:7")
        value = pipe.get("user:7")
        if value is None:
            value = step("database: read", lambda: DATABASE["7"])
            pipe.multi()
            pipe.set("user:7", value, ex=60)
            with suppress(WatchError):  # an update came between: what was read is not stored
                pipe.execute()
    return str(value)


def update(client: Any) -> None:
    step("database: write new", lambda: DATABASE.update({"7": "new"}))
    client.delete("user:7")


def update_fenced(client: Any) -> None:
    step("database: write new", lambda: DATABASE.update({"7": "new"}))
    client.pipeline(transaction=True).delete("user:7").incr("version:7").execute()


def cache_agrees(end: End) -> None:
    cached = end.server.get("user:7")
    assert cached in {None, DATABASE["7"]}, f"the row says {DATABASE['7']!r}, the cache {cached!r}"
