"""Exercise 1: basic operations. One good solution; others pass too."""

import re
import time
from collections.abc import Callable

from valkey import Valkey

from workshop.interleave import explore
from workshop.schedule import End

BATCH = 500  # keys that one command looks at, or deletes


def set_field(client: Valkey, user_id: str, field: str, value: str) -> None:
    """Set one field of a user's profile."""
    # A hash is updated field by field on the server: nobody reads the profile
    # first, so nobody can write an old copy of the other fields back.
    client.hset(f"profile:{user_id}", field, value)


def get_profile(client: Valkey, user_id: str) -> dict[str, str]:
    """Return all fields of a user's profile."""
    return dict(client.hgetall(f"profile:{user_id}"))


def add_recent(client: Valkey, user_id: str, item: str, limit: int) -> None:
    """Remember that the user looked at `item`."""
    key = f"recent:{user_id}"
    pipe = client.pipeline(transaction=True)
    pipe.lpush(key, item)
    pipe.ltrim(key, 0, limit - 1)
    pipe.execute()


def get_recent(client: Valkey, user_id: str) -> list[str]:
    """Return the user's recent items, the newest first."""
    return list(client.lrange(f"recent:{user_id}", 0, -1))


def add_points(client: Valkey, board: str, player: str, points: int) -> int:
    """Add points to a player's score."""
    return int(client.zincrby(f"board:{board}", points, player))


def get_page(client: Valkey, board: str, page: int, size: int) -> list[tuple[str, int]]:
    """Return one page of the leaderboard, the best player first."""
    start = (page - 1) * size
    rows = client.zrevrange(f"board:{board}", start, start + size - 1, withscores=True)
    return [(player, int(score)) for player, score in rows]


def count_visit(client: Valkey, page: str, seconds: int) -> int:
    """Count a visit, within a window that the first visit opens."""
    key = f"visits:{page}"
    # One transaction: the server runs both or neither, with nothing in between.
    # SET NX makes a counter that has its expiry from the start; INCR keeps it.
    pipe = client.pipeline(transaction=True)
    pipe.set(key, 0, ex=seconds, nx=True)
    pipe.incr(key)
    return int(pipe.execute()[1])


def save_prices(client: Valkey, prices: dict[str, int], seconds: int) -> None:
    """Store every price."""
    # MSET takes no expiry; a pipeline sends all the SETs in one round trip.
    pipe = client.pipeline(transaction=False)
    for product, cents in prices.items():
        pipe.set(f"price:{product}", cents, ex=seconds)
    pipe.execute()


def load_prices(client: Valkey, products: list[str]) -> dict[str, int | None]:
    """Return the price of each product."""
    values = client.mget([f"price:{product}" for product in products])
    return {
        product: None if value is None else int(value)
        for product, value in zip(products, values, strict=True)
    }


def correct_price(client: Valkey, product: str, cents: int) -> bool:
    """Correct a stored price without changing when it expires."""
    return bool(client.set(f"price:{product}", cents, xx=True, keepttl=True))


def forget_user(client: Valkey, user_id: str) -> int:
    """Delete every key of one user."""
    # In a pattern, * ? [ ] and \ mean something; a user's id must be taken literally.
    literal = re.sub(r"([*?\[\]\\])", r"\\\1", user_id)
    deleted, batch = 0, []
    for key in client.scan_iter(match=f"user:{literal}:*", count=BATCH):
        batch.append(key)
        if len(batch) == BATCH:
            deleted += client.unlink(*batch)
            batch.clear()
    if batch:
        deleted += client.unlink(*batch)
    return deleted


def check_counter(count_visit: Callable[[Valkey, str, int], int]) -> None:
    """Raise AssertionError if `count_visit` does not do what task 4 asks."""

    def visit(client: Valkey) -> int:
        return count_visit(client, "home", 60)

    def visits_far_apart(client: Valkey) -> list[int]:
        counts = []
        for _ in range(3):
            counts.append(visit(client))
            time.sleep(40)
        return counts

    def nothing_is_immortal(end: End) -> None:
        for key in end.server.scan_iter():
            assert end.server.ttl(key) >= 0, f"{key} never expires"

    def both_count(end: End) -> None:
        assert sorted(end.results) == [1, 2], f"two visits at once counted as {end.results}"

    def window_has_ended(end: End) -> None:
        assert end.results == [[1, 2, 1]], f"visits at 0, 40 and 80 s: {end.results[0]}"

    explore(lambda _: None, [visit, visit], both_count)
    explore(lambda _: None, [visit], nothing_is_immortal, crashes=True)
    explore(lambda _: None, [visits_far_apart], window_has_ended)
    explore(visit, [visit, lambda _: time.sleep(61)], nothing_is_immortal)
