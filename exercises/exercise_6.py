"""Exercise 6: eviction policies.

Replace each `raise NotImplementedError` with your code, one task after the other, and
run `make exercise-6` as often as you like: it shows the first task that is not done.
Stuck? `make hint-6`. To read first: docs/eviction.md.

`client` is a connected valkey-py client that takes and returns text (`str`). In tasks 1 to 4
`name` is the name of a cache, and `key` and `value` are any texts: a server holds many caches,
and what you store goes under keys of your choice that are made of `name`. A cache's capacity is
1 or more, and the same in each call. What is evicted leaves nothing behind, and what nobody had
to evict stays, for years if need be (but see task 4). Many clients, in processes of their own,
run your functions at the same time, and any of them may die between two commands: then too no
more than `capacity` entries are served, and none stays that is never evicted. A cache may be
large: what is sent must not grow with it. The server may be one of a cluster: the keys that one
script or transaction uses are in one slot, and a script's keys are all among its KEYS.
No clock tells what was used last: two uses may come at the same moment, and a clock may be set
back. Only the server knows in which order they came, and it can count. In tasks 5 and 6 the
tests start a real server of their own, and let it evict; fakeredis evicts nothing.
"""

import time
from collections.abc import Callable, Sequence

from valkey import Valkey

PAYLOAD = "x" * 12_000  # a page of task 6
PAGES = 4  # that task 8 keeps

# Task 1: the least recently used goes -------------------------------------------------


def lru_get(client: Valkey, name: str, key: str) -> str | None:
    """Return the value under `key`, and count that as its last use; None if there is none.

    Who asks for what is not there changes nothing.
    """
    raise NotImplementedError


def lru_set(client: Valkey, name: str, key: str, value: str, capacity: int) -> None:
    """Store `value` under `key`, which is a use of it, and keep at most `capacity` entries.

    If it is a new entry and the cache is full, the one whose last use is longest ago goes,
    and no other. The value of an entry that is there is replaced, and nothing goes.
    """
    raise NotImplementedError


# Task 2: the least frequently used goes -----------------------------------------------


def lfu_get(client: Valkey, name: str, key: str) -> str | None:
    """Return the value under `key`, and count one more use; None if there is none."""
    raise NotImplementedError


def lfu_set(client: Valkey, name: str, key: str, value: str, capacity: int) -> None:
    """Store `value` under `key`, and keep at most `capacity` entries.

    A new entry has one use; to replace the value of one that is there is one more. If a new
    one comes and the cache is full, the one with the fewest uses goes first: never the new
    one itself, and of several the one that came in first, whatever its name. What went and
    comes again is a new entry.
    """
    raise NotImplementedError


# Task 3: the most recently used goes --------------------------------------------------


def mru_get(client: Valkey, name: str, key: str) -> str | None:
    """Return the value under `key`, and count that as its last use; None if there is none."""
    raise NotImplementedError


def mru_set(client: Valkey, name: str, key: str, value: str, capacity: int) -> None:
    """Store `value` under `key`, which is a use of it, and keep at most `capacity` entries.

    If it is a new entry and the cache is full, the one that was used last before it goes: in
    a loop, that is the one whose turn comes latest. The new one stays.
    """
    raise NotImplementedError


# Task 4: entries with a lifetime ------------------------------------------------------


def ttl_get(client: Valkey, name: str, key: str) -> str | None:
    """Return the value under `key`, and count that as its last use; None if it is over."""
    raise NotImplementedError


def ttl_set(
    client: Valkey, name: str, key: str, value: str, *, seconds: float, capacity: int
) -> None:
    """Store `value` under `key` for `seconds`, and keep at most `capacity` entries that live.

    Seconds are above 0, and parts of them count. To store again gives the entry a new
    lifetime; to read it does not. An entry whose time is over takes nobody's place: only if
    `capacity` others live does one of them go, the one whose last use is longest ago.
    Lifetimes are measured by the server's clock (its command TIME, which a script may call
    too). The tests run this on fakeredis, whose clock they can move: it knows Lua, WATCH,
    MULTI and HPEXPIRE.
    """
    raise NotImplementedError


# Task 5: choose the server's policy ---------------------------------------------------


def limit_memory(client: Valkey, situation: str, memory: int) -> None:
    """Let the server use `memory` bytes at most, and choose what it does when they are used.

    The server holds nothing but what the situation says:

    "cache": every key may go, and few have an expiry. What was used lately is soon needed
        again.
    "favourites": every key may go, and few have an expiry. Some are asked for all day, and at
        night somebody reads everything once: that must not drive them out.
    "sessions": half the keys are sessions, which have an expiry and may go. The other half has
        none, is kept nowhere else, and must never go.
    "queue": nothing may be lost. When the memory is used, who sends more is told so.

    That holds from the first moment, also for what is on the server already. Raise ValueError
    for any other situation, and change nothing then.
    """
    raise NotImplementedError


# Task 6: prove it ---------------------------------------------------------------------


def measure(client: Valkey, policy: str, memory: int, trace: Sequence[str]) -> float:
    """Return the hit ratio, 0 to 1, of a cache under one of the server's own policies.

    `trace` is what an application asked for, one key a second. Empty the server, set the
    policy and its limit of `memory` bytes, and ask as the application did, at its pace:
    `time.sleep`, called by this name, takes no time in the tests. What is there is a hit. What is not is put there, a PAYLOAD
    under a key of its own, without an expiry; if the server refuses it, go on. Count the hits
    yourself: what INFO counts is everybody's. An empty trace has a hit ratio of 0.
    """
    raise NotImplementedError


# Task 7: explain a hit ratio ----------------------------------------------------------


def smallest_capacity(trace: Sequence[str], wanted: float) -> int | None:
    """Return how many entries an LRU cache must hold to answer a part of the trace's accesses.

    `wanted` is that part, above 0 and up to 1: at least so much must be answered. The cache is
    empty at first, and each miss is put into it. Return None if no capacity is enough. Raise
    ValueError for a `wanted` outside of its bounds: 80 is no part, 0.8 is.
    No server is needed: how many other keys came since a key's last access tells which
    capacities answer this one. (Mattson et al.: Evaluation techniques for storage
    hierarchies, IBM Systems Journal 9, 1970)
    """
    raise NotImplementedError


# Task 8: review this code -------------------------------------------------------------
# A cache like this is in many a tutorial. Find what is wrong, and mend it.


def cached_page(client: Valkey, url: str, render: Callable[[str], str]) -> str:
    """Return a page; render it, any text, if it is not kept. Keep the PAGES used last.

    If `render` raises, so does this, and nothing has changed.
    """
    client.zadd("pages:used", {url: int(time.time())})
    html = client.hget("pages", url)
    if html:
        return str(html)
    html = render(url)
    client.hset("pages", url, html)
    if client.zcard("pages:used") >= PAGES:
        [(oldest, _)] = client.zpopmin("pages:used")
        client.hdel("pages", oldest)
    return html
