"""Exercise 2: caching patterns.

Replace each `raise NotImplementedError` with your code, one task after the other, and
run `make exercise-2` as often as you like: it shows the first task that is not done.
Stuck? `make hint-2`. To read first: docs/patterns.md.

`client` is a connected valkey-py client that takes and returns text (`str`). You choose
the keys' names, except where a task gives you the key, and may keep other keys beside it,
also for longer; but every key expires, except what task 6 puts off. Times are in seconds,
and where they are floats, fractions of one count. Several clients run your functions at the
same time, and any of them may die between two commands. A cache may forget, but it must not
lie: in tasks 7, 9 and 10 not even if the server evicts any key at any moment. (In 4 and 5 it
may then; docs/patterns.md says why, and what closes that.) The tests move the time: take it
from `time.time()` or `time.monotonic()`, wait with `time.sleep()`, and start no threads.
"""

import time
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel
from valkey import Valkey

PAUSE = 0.1  # seconds between two looks of somebody who waits
Model = TypeVar("Model", bound=BaseModel)


class Table(Protocol):
    """A table of a database: texts by id. Both calls take their time, and may fail."""

    def read(self, row_id: str) -> str | None:
        """Return a row, None if there is none."""

    def write(self, row_id: str, row: str) -> None:
        """Write a row, new or not."""


class Prices(Protocol):
    """A table of prices. Each row has a version, which rises with every write to it."""

    def read(self, product: str) -> tuple[int, int] | None:
        """Return a row as (version, cents), None if there is none."""

    def write(self, product: str, cents: int) -> int:
        """Write a price and return the row's new version."""


# Task 1: cache-aside ------------------------------------------------------------------


def get_or_load(client: Valkey, key: str, load: Callable[[], Any], seconds: float) -> Any:
    """Return the value under `key`; if there is none, call `load()`, store what it returns.

    Values are what JSON can hold; `None`, `0`, `""`, `False` and `[]` are values too, and
    are not loaded twice. An entry lives for `seconds`, less up to a tenth, drawn anew for
    each: what was stored together must not expire together. A hit takes one round trip, and
    runs no code that comes from the cache. If `load` raises, so does this; nothing is stored.
    """
    raise NotImplementedError


# Task 2: a key for a call -------------------------------------------------------------


def call_key(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """Return the key under which the result of `function(*args, **kwargs)` is cached.

    The same call has the same key however it is written (`f(5)`, `f(a=5)`, a default left
    out or given), today, tomorrow and in every process. Other calls, and calls of other
    functions, have other keys: `2` is not `"2"`, nor `2.0`; `("a:b",)` is not `("a", "b")`.
    Arguments are text, numbers, booleans, None, and lists and tuples of these (a tuple may
    count as a list). Raise TypeError for any other object, also for a dict: its name in the
    next process is not known, or JSON would make text of its keys.
    """
    raise NotImplementedError


# Task 3: a typed value that survives a change of its schema ---------------------------


def save_model(client: Valkey, key: str, model: BaseModel, version: int, seconds: int) -> None:
    """Store a pydantic model, of the given version of its schema, as one text under `key`."""
    raise NotImplementedError


def load_model(client: Valkey, key: str, kind: type[Model], version: int) -> Model | None:
    """Return the model of type `kind` under `key`, None if there is none of this `version`.

    While a new version is rolled out, old and new programs share the cache: what was
    stored under another version is a miss, even if it would fit. So is any text that does
    not hold such a model, whoever put it there: it raises nothing, and runs nothing.
    """
    raise NotImplementedError


# Task 4: negative caching -------------------------------------------------------------


def find_user(
    client: Valkey, table: Table, user_id: str, seconds: int, missing_seconds: int
) -> str | None:
    """Return a user's row from the cache, else from the table; None if there is no such user.

    A row is kept for `seconds`. That there is none is kept too, for `missing_seconds`: else
    every question for a user who does not exist goes to the table. A row is any text.
    """
    raise NotImplementedError


def create_user(client: Valkey, table: Table, user_id: str, row: str, seconds: int) -> None:
    """Write a new user's row to the table. From then on find_user finds it, and not before.

    That holds also if somebody asks for the user at the same moment, and has been told by
    the table already that there is none; or if the table refuses the row, and raises. A row
    that is put into the cache lives `seconds`.
    """
    raise NotImplementedError


# Task 5: write-through ----------------------------------------------------------------


def read_price(client: Valkey, prices: Prices, product: str, seconds: int) -> int | None:
    """Return a price in cents from the cache, else from the table (then keep it `seconds`).

    Return None if there is none, and keep nothing.
    """
    raise NotImplementedError


def save_price(client: Valkey, prices: Prices, product: str, cents: int, seconds: int) -> None:
    """Write a price to the table and to the cache, where it lives for `seconds`.

    The next read_price is a hit. The cache never holds a price that the table did not take.
    When several clients read and save one price at once, and all are done, the cache holds
    the table's price or none: the version tells which of two rows is newer.
    """
    raise NotImplementedError


# Task 6: write-behind -----------------------------------------------------------------


def put_off(client: Valkey, product: str, cents: int) -> None:
    """Note that a price is to be written, and return at once; the table is not touched."""
    raise NotImplementedError


def write_out(client: Valkey, prices: Prices, worker: str) -> int:
    """Write everything that was put off to the table, oldest first; return how many that were.

    Do not wait for more. Nothing that was put off is ever lost: not what comes in meanwhile,
    and not if this worker dies at any point; it is then started again under the same name,
    and may write a price twice. Only one worker runs at a time, perhaps after days. What is
    written, and only that, is gone from the server, also after a death.
    """
    raise NotImplementedError


# Task 7: invalidation by tag ----------------------------------------------------------


def get_tagged(
    client: Valkey, key: str, tags: list[str], load: Callable[[], str], seconds: int
) -> str:
    """Return the value under `key`, else load it and keep it for `seconds` under its tags.

    A value is any text. One that was kept, or whose load began, before any of its tags was
    invalidated is never returned by a call that begins after that. A hit takes two round
    trips at most.
    """
    raise NotImplementedError


def invalidate_tag(client: Valkey, tag: str) -> None:
    """Make all values with this tag invalid, in one step, however many there are."""
    raise NotImplementedError


# Task 8: single flight ----------------------------------------------------------------


def load_once(
    client: Valkey,
    key: str,
    load: Callable[[], str],
    *,
    seconds: int,
    lease: float,
    patience: float,
) -> str:
    """Return the value under `key`; if there is none, one client loads it, and the others wait.

    Who loads holds a lease, which ends by itself after `lease` seconds, and stores the value,
    any text, for `seconds`. Who waits looks again every PAUSE, and takes the value, or the
    lease if that is free. After `patience` seconds, or a PAUSE before that, it waits no more
    and loads the value for itself.
    If `load` raises, so does this; nothing is stored, and the lease is free at once. A lease
    that ran out may be another's by now, and is then left alone.
    """
    raise NotImplementedError


# Task 9: refresh before it is missed ---------------------------------------------------


def get_or_refresh(
    client: Valkey, key: str, load: Callable[[], str], *, fresh: float, stale: float, lease: float
) -> str:
    """Return the value under `key`: new for `fresh` seconds, and old for `stale` more.

    A new value is returned as it is. If it is old, one client takes a lease, for `lease`
    seconds, and loads; whoever comes meanwhile gets the old value at once. If that load
    fails, the old value is returned; the lease is freed then, or left to run out, but if it
    is another's by now it is left alone. If there is no value, or none any more, this loads,
    and waits for nobody; but who has no lease then stores nothing.
    """
    raise NotImplementedError


def forget(client: Valkey, key: str) -> None:
    """Forget the value under `key`: no call of get_or_refresh that begins later returns it.

    That holds for what was loaded before, and for a load that is on its way.
    """
    raise NotImplementedError


def get_early(
    client: Valkey, key: str, load: Callable[[], str], seconds: float, draw: float
) -> str:
    """Return the value under `key`, kept for `seconds`, but load it early now and then.

    `draw` is a random number, over 0 and up to 1. Load if the value has no more left to live
    than `cost * -log(draw)` (the natural logarithm), where `cost` is how many seconds its
    load took. So what is slow to load is renewed early, mostly by one client, and what is
    quick is not. (Vattani, Chierichetti, Lowenstein: Optimal Probabilistic Cache Stampede
    Prevention, VLDB 2015)
    """
    raise NotImplementedError


# Task 10: review this code ------------------------------------------------------------
# Code like this is found in many tutorials, and passed review elsewhere. Its tests pass
# too, one client at a time. Find what is wrong, and mend it.


def get_product(client: Valkey, table: Table, product_id: str) -> str | None:
    """Return a product's text from the cache, else from the table; keep it for an hour."""
    cached = client.get(f"product:{product_id}")
    if cached is not None:
        return str(cached)
    text = table.read(product_id)
    if text is not None:
        client.set(f"product:{product_id}", text, ex=3600)
    return text


def change_product(client: Valkey, table: Table, product_id: str, text: str) -> None:
    """Write a product's new text; when all who are at it now are done, all see the new one."""
    table.write(product_id, text)
    client.delete(f"product:{product_id}")


# Task 11: review this code ------------------------------------------------------------
# So was this, "against stampedes". It has more than one fault.


def daily_report(client: Valkey, day: str, compute: Callable[[], str]) -> str:
    """Return the report of a day, any text, kept for an hour; to compute it takes up to 20 seconds.

    While one client computes it, the others wait, but for 30 seconds at most: then they
    compute it too, or raise TimeoutError. A computation that fails raises, and keeps nobody
    else from trying.
    """
    cached = client.get(f"report:{day}")
    if cached is not None:
        return str(cached)
    if client.set(f"report:{day}:lock", "locked", nx=True, ex=5):
        report = compute()
        client.set(f"report:{day}", report, ex=3600)
        client.delete(f"report:{day}:lock")
        return report
    time.sleep(0.5)
    return daily_report(client, day, compute)
