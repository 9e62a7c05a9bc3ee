"""Exercise 1: basic operations.

Replace each `raise NotImplementedError` with your code, one task after the other, and
run `make exercise-1` as often as you like: it shows the first task that is not done.
Stuck? `make hint-1`. To read first: docs/1_basic_operations.md.

`client` is a connected valkey-py client that takes and returns text (`str`): call
`client.hset(...)`, `client.lpush(...)` and so on, as that page does.
You choose the keys' names, except where a task gives them. Several clients run your
functions at the same time, and any of them may die between two commands.
"""

from collections.abc import Callable

from valkey import Valkey

from workshop.interleave import explore  # noqa: F401 - for task 7

# Task 1: a profile, field by field ---------------------------------------------------


def set_field(client: Valkey, user_id: str, field: str, value: str) -> None:
    """Set one field of a user's profile.

    For user "7", field "city" and value "Oslo", the profile then says so. The other
    fields stay as they are, also when another client sets one of them meanwhile.
    """
    raise NotImplementedError


def get_profile(client: Valkey, user_id: str) -> dict[str, str]:
    """Return all fields of a user's profile; an empty dict if there is none."""
    raise NotImplementedError


# Task 2: a list that never grows past its limit ---------------------------------------


def add_recent(client: Valkey, user_id: str, item: str, limit: int) -> None:
    """Remember that the user looked at `item`; keep only the newest `limit` items."""
    raise NotImplementedError


def get_recent(client: Valkey, user_id: str) -> list[str]:
    """Return the user's recent items, the newest first."""
    raise NotImplementedError


# Task 3: a leaderboard, page by page --------------------------------------------------


def add_points(client: Valkey, board: str, player: str, points: int) -> int:
    """Add `points` to a player's score and return the new score. A new player starts at 0."""
    raise NotImplementedError


def get_page(client: Valkey, board: str, page: int, size: int) -> list[tuple[str, int]]:
    """Return one page of the leaderboard as (player, score), the best player first.

    Pages are numbered from 1 and hold `size` players; the last may hold fewer. A board
    may have millions of players, so ask the server for this page only.
    """
    raise NotImplementedError


# Task 4: a counter that always expires ------------------------------------------------


def count_visit(client: Valkey, page: str, seconds: int) -> int:
    """Count one visit to `page` and return how many there were in the current window.

    The first visit opens a window of `seconds`: that long after it, and no later, the
    counter is gone and the next visit counts as 1. Later visits do not move the window.
    Never, not even if your client dies half-way, is there a counter without an expiry.
    """
    raise NotImplementedError


# Task 5: many values in one round trip ------------------------------------------------


def save_prices(client: Valkey, prices: dict[str, int], seconds: int) -> None:
    """Store every price (product -> cents) for `seconds`, in one round trip for all."""
    raise NotImplementedError


def load_prices(client: Valkey, products: list[str]) -> dict[str, int | None]:
    """Return the price of each product, None where none is stored, in one round trip."""
    raise NotImplementedError


def correct_price(client: Valkey, product: str, cents: int) -> bool:
    """Replace a stored price; it still expires when it would have expired anyway.

    Return False, and store nothing, if there is no price to correct.
    """
    raise NotImplementedError


# Task 6: delete what belongs to one user ----------------------------------------------


def forget_user(client: Valkey, user_id: str) -> int:
    """Delete every key that begins with `user:<user_id>:` and return how many there were.

    Nobody else's keys: user 1 is not user 10, and an id may hold any character, also
    `*`. The server has millions of keys and serves others meanwhile, so no command may
    make it look at all of them at once, and no round trip may be spent on each key.
    """
    raise NotImplementedError


# Task 7: write the test ---------------------------------------------------------------


def check_counter(count_visit: Callable[[Valkey, str, int], int]) -> None:
    """Raise AssertionError if `count_visit` does not do what task 4 asks; else return.

    It is called with counters that are right and with counters that are wrong, in the
    ways of task 4: pass the right ones, catch every wrong one. `explore` helps:

        explore(setup, actors, check, crashes=True)

    runs the actors (functions of one argument, a client of their own) in every possible
    order, and with `crashes` lets them die after every command. `setup(server)` comes
    before each run; `check(end)` after it, to assert on `end.server` and `end.results`.
    Sleeping in an actor takes no time, but keys expire by it. docs/1_basic_operations.md
    shows a use of it.
    """
    raise NotImplementedError
